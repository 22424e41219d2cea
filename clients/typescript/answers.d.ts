// Generated from clients/schemas/stats_api by generate.js: do not edit.

export type AgencyClient = {
  client_id: string | null;
  client_name: string | null;
  /** facts without client, for those who see all */
  is_unknown: boolean;
  hits: number;
  visits: number;
  sessionless_hits: number;
  conversions: number;
  /** conversions / visits to six digits; null without visits; may exceed 1 */
  cvr: number | null;
  /** no day of the range up to today is missing, stale, held or kept by decision */
  complete: boolean;
  /** the earliest time at which a day of the range was last compared with its facts */
  as_of: string | null;
  /** how long ago that was */
  as_of_age_seconds: number | null;
  /** some day of the range was not compared within twice what is promised for its age */
  late: boolean;
  /** every month with a day of the range is closed for the client */
  closed: boolean;
};

/** What a list leaves out, as one row */
export type Rest = {
  members: number;
  hits: number;
  conversions: number;
  /** not counted together */
  visits: null;
  why_no_visits: string;
};

export type AgencyTotals = {
  clients: number;
  hits: number;
  sessionless_hits: number;
  conversions: number;
  /** not counted together */
  visits: null;
  why_no_visits: string;
};

/** Every client of an agency, each with its own state */
export type GetAgencyOverview = {
  /** null: every client the caller may see */
  agency_id: string | null;
  agency_name: string | null;
  clients: Array<AgencyClient>;
  clients_rest: Rest | null;
  totals: AgencyTotals;
  /** the first day covered; null when nothing is left of the range */
  from: string | null;
  /** the last day covered */
  to: string | null;
  /** no day of the range up to today is missing, stale, held or kept by decision */
  complete: boolean;
  /** the earliest time at which a day of the range was last compared with its facts */
  as_of: string | null;
  /** how long ago that was */
  as_of_age_seconds: number | null;
  /** some day of the range was not compared within twice what is promised for its age */
  late: boolean;
  /** every month with a day of the range is closed for the client */
  closed: boolean;
};

export type GetAgencyOverviewArguments = {
  p_from_date: string;
  p_to_date: string;
  /** null: every client the caller may see */
  p_agency_id?: string | null;
  /** clients listed; 200 unless given */
  p_top?: number | null;
};

export type RawVisit = {
  id: string;
  accessed_at: string;
  /** tells which hits of the campaign belong together; null without a session */
  session: string | null;
  utm_source: string | null;
  utm_medium: string | null;
  utm_campaign: string | null;
  cid: string | null;
  link_id: string | null;
  link_name: string | null;
  referrer_host: string | null;
  converted: boolean;
};

export type NextPage = {
  after_accessed_at: string;
  after_id: string;
};

/** Visit hits of a campaign, oldest first, a page at a time */
export type GetCampaignVisitsRaw = {
  visits: Array<RawVisit>;
  /** of the following page; null on the last */
  next: NextPage | null;
  /** who was asked for; null: all the caller may see */
  client_id: string | null;
  client_name: string | null;
  /** the first day covered; null when nothing is left of the range */
  from: string | null;
  /** the last day covered */
  to: string | null;
  /** no day of the range up to today is missing, stale, held or kept by decision */
  complete: boolean;
  /** the earliest time at which a day of the range was last compared with its facts */
  as_of: string | null;
  /** how long ago that was */
  as_of_age_seconds: number | null;
  /** some day of the range was not compared within twice what is promised for its age */
  late: boolean;
  /** every month with a day of the range is closed for the client */
  closed: boolean;
};

export type GetCampaignVisitsRawArguments = {
  p_campaign_id: string;
  p_from_date: string;
  p_to_date: string;
  p_after_accessed_at?: string | null;
  p_after_id?: string | null;
  /** 100 unless given */
  p_limit?: number | null;
};

/** Measures of a whole range */
export type Totals = {
  from: string | null;
  to: string | null;
  complete: boolean;
  hits: number;
  visits: number;
  sessionless_hits: number;
  conversions: number;
  /** conversions / visits to six digits; null without visits; may exceed 1 */
  cvr: number | null;
};

/** The equally long range before; compared only where it is complete */
export type PreviousPeriod = {
  from: string | null;
  to: string | null;
  complete: boolean;
  /** null where it is not compared */
  hits: number | null;
  /** null where it is not compared */
  visits: number | null;
  /** null where it is not compared */
  sessionless_hits: number | null;
  /** null where it is not compared */
  conversions: number | null;
  /** conversions / visits to six digits; null without visits; may exceed 1 */
  cvr: number | null;
  /** null where the period is complete */
  why_not_compared: string | null;
};

export type EntityItem = {
  /** whose it is; null: the unknown client */
  client_id: string | null;
  client_name: string | null;
  entity_id: string | null;
  title: string | null;
  /** facts without campaign or webinar */
  is_unknown: boolean;
  is_folded: boolean;
  hits: number;
  visits: number;
  conversions: number;
  /** conversions / visits to six digits; null without visits; may exceed 1 */
  cvr: number | null;
};

export type OverviewDay = {
  date: string;
  /** null where the day is not computed */
  hits: number | null;
  /** null where the day is not computed */
  visits: number | null;
  /** null where the day is not computed */
  conversions: number | null;
  /** conversions / visits to six digits; null without visits; may exceed 1 */
  cvr: number | null;
};

/** Totals of a client, of the equally long range before, its campaigns, webinars and days */
export type GetClientOverview = {
  totals: Totals;
  previous_period: PreviousPeriod;
  campaigns: Array<EntityItem>;
  campaigns_rest: Rest | null;
  webinars: Array<EntityItem>;
  webinars_rest: Rest | null;
  links: {
    total: number;
    active: number;
  };
  series: Array<OverviewDay>;
  /** who was asked for; null: all the caller may see */
  client_id: string | null;
  client_name: string | null;
  /** the first day covered; null when nothing is left of the range */
  from: string | null;
  /** the last day covered */
  to: string | null;
  /** no day of the range up to today is missing, stale, held or kept by decision */
  complete: boolean;
  /** the earliest time at which a day of the range was last compared with its facts */
  as_of: string | null;
  /** how long ago that was */
  as_of_age_seconds: number | null;
  /** some day of the range was not compared within twice what is promised for its age */
  late: boolean;
  /** every month with a day of the range is closed for the client */
  closed: boolean;
};

export type GetClientOverviewArguments = {
  /** null: the platform, for those who see all */
  p_client_id: string | null;
  p_from_date: string;
  p_to_date: string;
  /** members of each list; 200 unless given */
  p_top?: number | null;
};

/** Of the client's month: as closed, or the signed difference of an adjustment */
export type ClosingFigure = {
  hits: number;
  visits: number;
  sessionless_hits: number;
  conversions: number;
};

export type Closing = {
  client_id: string;
  client_name: string | null;
  entry_no: number;
  kind: "adjusted" | "closed" | "reopened";
  /** its first day */
  month: string;
  version: number;
  reason: string | null;
  author: string;
  recorded_at: string;
  hash: string;
  figure: ClosingFigure | null;
};

/** Closings of a client's months, their adjustments and reopenings, oldest first */
export type GetClosings = {
  closings: Array<Closing>;
  /** who was asked for; null: all the caller may see */
  client_id: string | null;
  client_name: string | null;
  /** the first day covered; null when nothing is left of the range */
  from: string | null;
  /** the last day covered */
  to: string | null;
  /** no day of the range up to today is missing, stale, held or kept by decision */
  complete: boolean;
  /** the earliest time at which a day of the range was last compared with its facts */
  as_of: string | null;
  /** how long ago that was */
  as_of_age_seconds: number | null;
  /** some day of the range was not compared within twice what is promised for its age */
  late: boolean;
  /** every month with a day of the range is closed for the client */
  closed: boolean;
};

export type GetClosingsArguments = {
  /** null: the platform, for those who see all */
  p_client_id: string | null;
  p_from_date: string;
  p_to_date: string;
};

export type SuspectedClone = {
  campaigns: Array<string>;
  shared_entries: number;
};

export type BusySession = {
  measure: "hits" | "entities";
  number: number;
  session: string;
};

/** Rates are null without a denominator; a day without facts of the client, or not measured yet, is all null */
export type QualityDay = {
  date: string;
  measured_at: string | null;
  /** its indicators are of other facts than its buckets; null: not measured */
  stale: boolean | null;
  visits: number | null;
  hits: number | null;
  entries: number | null;
  linked_entries: number | null;
  linkage: number | null;
  utm_fill: {
    captured_hits: number | null;
    captured_entries: number | null;
    attributed_hits: number | null;
    attributed_entries: number | null;
  };
  link_status: {
    resolved_hits: number | null;
    resolved_entries: number | null;
    unresolved_hits: number | null;
    unresolved_entries: number | null;
    unknown_hits: number | null;
    unknown_entries: number | null;
  };
  unknown: {
    client_hits: number | null;
    client_entries: number | null;
    entity_hits: number | null;
    entity_entries: number | null;
    utm_hits: number | null;
    utm_entries: number | null;
  };
  sessionless: {
    hits: number | null;
    entries: number | null;
  };
  malformed_cid: {
    hits: number | null;
    entries: number | null;
  };
  visits_per_entry: number | null;
  foreign_entries: number | null;
  suspected_clones: Array<SuspectedClone> | null;
  busiest_sessions: Array<BusySession> | null;
  excluded_hits: number | null;
  excluded_entries: number | null;
  /** the platform's only */
  out_of_range_hits: number | null;
  out_of_range_entries: number | null;
};

/** Indicators of data quality by day */
export type GetDataQuality = {
  days: Array<QualityDay>;
  /** who was asked for; null: all the caller may see */
  client_id: string | null;
  client_name: string | null;
  /** the first day covered; null when nothing is left of the range */
  from: string | null;
  /** the last day covered */
  to: string | null;
  /** no day of the range up to today is missing, stale, held or kept by decision */
  complete: boolean;
  /** the earliest time at which a day of the range was last compared with its facts */
  as_of: string | null;
  /** how long ago that was */
  as_of_age_seconds: number | null;
  /** some day of the range was not compared within twice what is promised for its age */
  late: boolean;
  /** every month with a day of the range is closed for the client */
  closed: boolean;
};

export type GetDataQualityArguments = {
  p_client_id: string | null;
  p_from_date: string;
  p_to_date: string;
};

export type LinkDay = {
  date: string;
  /** null where the day is not computed */
  visits: number | null;
  /** null where the day is not computed */
  conversions: number | null;
};

export type LinkItem = {
  /** whose it is; null: the unknown client */
  client_id: string | null;
  client_name: string | null;
  link_id: string | null;
  link_name: string | null;
  link_status: "resolved" | "unknown" | "unresolved";
  /** arrived by no link */
  is_unknown: boolean;
  is_folded: boolean;
  entity_type: "campaign" | "unknown" | "webinar" | null;
  entity_id: string | null;
  entity_title: string | null;
  hits: number;
  visits: number;
  conversions: number;
  /** conversions / visits to six digits; null without visits; may exceed 1 */
  cvr: number | null;
  daily: Array<LinkDay>;
};

/** Links of a client with their days, and what arrived by unresolved links or by none */
export type GetLinkStats = {
  links: Array<LinkItem>;
  links_rest: Rest | null;
  totals: Totals;
  /** who was asked for; null: all the caller may see */
  client_id: string | null;
  client_name: string | null;
  /** the first day covered; null when nothing is left of the range */
  from: string | null;
  /** the last day covered */
  to: string | null;
  /** no day of the range up to today is missing, stale, held or kept by decision */
  complete: boolean;
  /** the earliest time at which a day of the range was last compared with its facts */
  as_of: string | null;
  /** how long ago that was */
  as_of_age_seconds: number | null;
  /** some day of the range was not compared within twice what is promised for its age */
  late: boolean;
  /** every month with a day of the range is closed for the client */
  closed: boolean;
};

export type GetLinkStatsArguments = {
  /** null: the platform, for those who see all */
  p_client_id: string | null;
  p_from_date: string;
  p_to_date: string;
  /** members of each list; 200 unless given */
  p_top?: number | null;
};

export type SourceItem = {
  /** whose it is; null: the unknown client */
  client_id: string | null;
  client_name: string | null;
  source: string;
  /** true for the unknown member alone, whatever its name */
  is_unknown: boolean;
  /** conversions */
  count: number;
  hits: number;
  visits: number;
  /** conversions / visits to six digits; null without visits; may exceed 1 */
  cvr: number | null;
};

export type MediumItem = {
  /** whose it is; null: the unknown client */
  client_id: string | null;
  client_name: string | null;
  medium: string;
  /** true for the unknown member alone, whatever its name */
  is_unknown: boolean;
  /** conversions */
  count: number;
  hits: number;
  visits: number;
  /** conversions / visits to six digits; null without visits; may exceed 1 */
  cvr: number | null;
};

export type CampaignItem = {
  /** whose it is; null: the unknown client */
  client_id: string | null;
  client_name: string | null;
  campaign: string;
  /** true for the unknown member alone, whatever its name */
  is_unknown: boolean;
  /** conversions */
  count: number;
  hits: number;
  visits: number;
  /** conversions / visits to six digits; null without visits; may exceed 1 */
  cvr: number | null;
};

export type ComboItem = {
  /** whose it is; null: the unknown client */
  client_id: string | null;
  client_name: string | null;
  source: string;
  source_is_unknown: boolean;
  medium: string;
  medium_is_unknown: boolean;
  campaign: string;
  campaign_is_unknown: boolean;
  /** all three are unknown */
  is_unknown: boolean;
  /** conversions */
  count: number;
  hits: number;
  visits: number;
  /** conversions / visits to six digits; null without visits; may exceed 1 */
  cvr: number | null;
};

export type StatusCount = {
  hits: number;
  conversions: number;
};

/** Conversions, hits and visits of a client by UTM and by link status */
export type GetMarketingSummary = {
  total_conversions: number;
  total_visits: number;
  total_hits: number;
  /** conversions / visits to six digits; null without visits; may exceed 1 */
  cvr: number | null;
  by_source: Array<SourceItem>;
  by_source_rest: Rest | null;
  by_medium: Array<MediumItem>;
  by_medium_rest: Rest | null;
  by_campaign: Array<CampaignItem>;
  by_campaign_rest: Rest | null;
  by_combo: Array<ComboItem>;
  by_combo_rest: Rest | null;
  link_status: {
    resolved: StatusCount;
    unresolved: StatusCount;
    unknown: StatusCount;
  };
  /** who was asked for; null: all the caller may see */
  client_id: string | null;
  client_name: string | null;
  /** the first day covered; null when nothing is left of the range */
  from: string | null;
  /** the last day covered */
  to: string | null;
  /** no day of the range up to today is missing, stale, held or kept by decision */
  complete: boolean;
  /** the earliest time at which a day of the range was last compared with its facts */
  as_of: string | null;
  /** how long ago that was */
  as_of_age_seconds: number | null;
  /** some day of the range was not compared within twice what is promised for its age */
  late: boolean;
  /** every month with a day of the range is closed for the client */
  closed: boolean;
};

export type GetMarketingSummaryArguments = {
  /** null: the platform, for those who see all */
  p_client_id: string | null;
  p_from_date: string;
  p_to_date: string;
  /** members of each list; 200 unless given */
  p_top?: number | null;
};

/** Counted over its own days: visits of periods never add up */
export type Period = {
  from: string;
  to: string;
  /** not cut by the range, and over */
  is_whole: boolean;
  /** null where a day is not computed */
  hits: number | null;
  /** null where a day is not computed */
  visits: number | null;
  /** null where a day is not computed */
  sessionless_hits: number | null;
  /** null where a day is not computed */
  conversions: number | null;
  /** conversions / visits to six digits; null without visits; may exceed 1 */
  cvr: number | null;
  why_null: string | null;
};

/** A client by day, week (from Monday) or month */
export type GetSeries = {
  step: "day" | "week" | "month";
  series: Array<Period>;
  /** who was asked for; null: all the caller may see */
  client_id: string | null;
  client_name: string | null;
  /** the first day covered; null when nothing is left of the range */
  from: string | null;
  /** the last day covered */
  to: string | null;
  /** no day of the range up to today is missing, stale, held or kept by decision */
  complete: boolean;
  /** the earliest time at which a day of the range was last compared with its facts */
  as_of: string | null;
  /** how long ago that was */
  as_of_age_seconds: number | null;
  /** some day of the range was not compared within twice what is promised for its age */
  late: boolean;
  /** every month with a day of the range is closed for the client */
  closed: boolean;
};

export type GetSeriesArguments = {
  /** null: the platform, for those who see all */
  p_client_id: string | null;
  p_from_date: string;
  p_to_date: string;
  /** day unless given */
  p_step?: "day" | "week" | "month";
};

export type WebinarPeak = {
  viewers: number;
  at: string | null;
  source: "sampled" | "legacy";
};

export type WebinarInterval = {
  start: string;
  source: "sampled" | "legacy";
  /** 0: a hole in the curve, never a zero */
  sample_count: number;
  gaps: number | null;
  min: number | null;
  max: number | null;
  avg: number | null;
  last: number | null;
};

export type WebinarDay = {
  date: string;
  source: "sampled" | "legacy" | null;
  peak: number | null;
  peak_at: string | null;
  avg_live: number | null;
  minutes_observed: number | null;
  minutes_missed: number | null;
  unique_viewers: number | null;
  hits: number | null;
  /** of the single day: days do not add up; null while its buckets are not computed */
  visits: number | null;
  conversions: number | null;
  /** conversions / visits to six digits; null without visits; may exceed 1 */
  cvr: number | null;
  campaign_shared: boolean;
};

/** Concurrent viewers of a webinar, and its days */
export type GetWebinarStats = {
  webinar_id: string;
  title: string | null;
  webinar_start_time: string | null;
  interval: "5m" | "15m" | "1h";
  peak: WebinarPeak | null;
  series: Array<WebinarInterval>;
  conversions: number;
  days: Array<WebinarDay>;
  /** who was asked for; null: all the caller may see */
  client_id: string | null;
  client_name: string | null;
  /** the first day covered; null when nothing is left of the range */
  from: string | null;
  /** the last day covered */
  to: string | null;
  /** no day of the range up to today is missing, stale, held or kept by decision */
  complete: boolean;
  /** the earliest time at which a day of the range was last compared with its facts */
  as_of: string | null;
  /** how long ago that was */
  as_of_age_seconds: number | null;
  /** some day of the range was not compared within twice what is promised for its age */
  late: boolean;
  /** every month with a day of the range is closed for the client */
  closed: boolean;
};

export type GetWebinarStatsArguments = {
  p_webinar_id: string;
  p_from: string;
  p_to: string;
  /** 5m unless given */
  p_interval?: "5m" | "15m" | "1h";
};

export type WebinarItem = {
  client_id: string | null;
  client_name: string | null;
  webinar_id: string;
  title: string | null;
  webinar_start_time: string | null;
  peak: number | null;
  peak_at: string | null;
  minutes_observed: number | null;
  minutes_missed: number | null;
  hits: number | null;
  conversions: number | null;
  /** where the range holds one day of it */
  visits: number | null;
  why_no_visits: string | null;
  /** conversions / visits to six digits; null without visits; may exceed 1 */
  cvr: number | null;
  /** another webinar names the same campaign */
  campaign_shared: boolean;
};

/** Webinars of a client with a curve, visits or conversions in the range */
export type GetWebinars = {
  webinars: Array<WebinarItem>;
  webinars_rest: Rest | null;
  /** who was asked for; null: all the caller may see */
  client_id: string | null;
  client_name: string | null;
  /** the first day covered; null when nothing is left of the range */
  from: string | null;
  /** the last day covered */
  to: string | null;
  /** no day of the range up to today is missing, stale, held or kept by decision */
  complete: boolean;
  /** the earliest time at which a day of the range was last compared with its facts */
  as_of: string | null;
  /** how long ago that was */
  as_of_age_seconds: number | null;
  /** some day of the range was not compared within twice what is promised for its age */
  late: boolean;
  /** every month with a day of the range is closed for the client */
  closed: boolean;
};

export type GetWebinarsArguments = {
  /** null: the platform, for those who see all */
  p_client_id: string | null;
  p_from_date: string;
  p_to_date: string;
  /** members of each list; 200 unless given */
  p_top?: number | null;
};

export type HourRow = {
  bucket_date: string;
  bucket_hour: string;
  client_id: string | null;
  client_name: string | null;
  entity_type: "campaign" | "unknown" | "webinar";
  entity_id: string | null;
  entity_title: string | null;
  hits: number;
  /** distinct sessions of the single hour: hours do not add up */
  visits: number;
  sessionless_hits: number;
  conversions: number;
  /** conversions / visits to six digits; null without visits; may exceed 1 */
  cvr: number | null;
};

/** Hour buckets, a page at a time */
export type ListCampaignHours = {
  rows: Array<HourRow>;
  /** rows of all pages */
  total: number;
  /** p_after of the following page; null on the last */
  next: Array<string | null> | null;
  /** who was asked for; null: all the caller may see */
  client_id: string | null;
  client_name: string | null;
  /** the first day covered; null when nothing is left of the range */
  from: string | null;
  /** the last day covered */
  to: string | null;
  /** no day of the range up to today is missing, stale, held or kept by decision */
  complete: boolean;
  /** the earliest time at which a day of the range was last compared with its facts */
  as_of: string | null;
  /** how long ago that was */
  as_of_age_seconds: number | null;
  /** some day of the range was not compared within twice what is promised for its age */
  late: boolean;
  /** every month with a day of the range is closed for the client */
  closed: boolean;
};

export type ListCampaignHoursArguments = {
  p_from: string;
  p_to: string;
  /** null: everything the caller may see */
  p_client_id?: string | null;
  /** next of the page before; null: the first */
  p_after?: Array<string | null> | null;
  /** rows of a page; 1,000 unless given */
  p_limit?: number | null;
};

/** Columns that are no key of the grain are null; in a key, null is the unknown member */
export type DailyRow = {
  bucket_date: string;
  client_id: string | null;
  client_name: string | null;
  entity_type: "campaign" | "unknown" | "webinar" | null;
  entity_id: string | null;
  entity_title: string | null;
  link_id: string | null;
  link_name: string | null;
  link_status: "resolved" | "unknown" | "unresolved" | null;
  utm_source: string | null;
  utm_medium: string | null;
  utm_campaign: string | null;
  hits: number;
  /** distinct sessions of the day: days do not add up */
  visits: number;
  sessionless_hits: number;
  conversions: number;
  /** conversions / visits to six digits; null without visits; may exceed 1 */
  cvr: number | null;
};

/** Members of a grain by day, a page at a time */
export type ListDailySeries = {
  rows: Array<DailyRow>;
  /** rows of all pages */
  total: number;
  /** p_after of the following page; null on the last */
  next: Array<string | null> | null;
  /** who was asked for; null: all the caller may see */
  client_id: string | null;
  client_name: string | null;
  /** the first day covered; null when nothing is left of the range */
  from: string | null;
  /** the last day covered */
  to: string | null;
  /** no day of the range up to today is missing, stale, held or kept by decision */
  complete: boolean;
  /** the earliest time at which a day of the range was last compared with its facts */
  as_of: string | null;
  /** how long ago that was */
  as_of_age_seconds: number | null;
  /** some day of the range was not compared within twice what is promised for its age */
  late: boolean;
  /** every month with a day of the range is closed for the client */
  closed: boolean;
};

export type ListDailySeriesArguments = {
  p_grain: "platform" | "client" | "campaign" | "link" | "utm_source" | "utm_medium" | "utm_campaign" | "utm" | "campaign_utm";
  p_from: string;
  p_to: string;
  /** null: everything the caller may see */
  p_client_id?: string | null;
  /** next of the page before; null: the first */
  p_after?: Array<string | null> | null;
  /** rows of a page; 1,000 unless given */
  p_limit?: number | null;
};

/** Columns that are no key of the grain are null; in a key, null is the unknown member */
export type RangeRow = {
  client_id: string | null;
  client_name: string | null;
  entity_type: "campaign" | "unknown" | "webinar" | null;
  entity_id: string | null;
  entity_title: string | null;
  link_id: string | null;
  link_name: string | null;
  link_status: "resolved" | "unknown" | "unresolved" | null;
  utm_source: string | null;
  utm_medium: string | null;
  utm_campaign: string | null;
  hits: number;
  /** distinct sessions of the whole range */
  visits: number;
  sessionless_hits: number;
  conversions: number;
  /** conversions / visits to six digits; null without visits; may exceed 1 */
  cvr: number | null;
};

/** Members of a grain, exact over the whole range, a page at a time */
export type ListRangeSummary = {
  rows: Array<RangeRow>;
  /** rows of all pages */
  total: number;
  /** p_after of the following page; null on the last */
  next: Array<string | null> | null;
  /** who was asked for; null: all the caller may see */
  client_id: string | null;
  client_name: string | null;
  /** the first day covered; null when nothing is left of the range */
  from: string | null;
  /** the last day covered */
  to: string | null;
  /** no day of the range up to today is missing, stale, held or kept by decision */
  complete: boolean;
  /** the earliest time at which a day of the range was last compared with its facts */
  as_of: string | null;
  /** how long ago that was */
  as_of_age_seconds: number | null;
  /** some day of the range was not compared within twice what is promised for its age */
  late: boolean;
  /** every month with a day of the range is closed for the client */
  closed: boolean;
};

export type ListRangeSummaryArguments = {
  p_grain: "platform" | "client" | "campaign" | "link" | "utm_source" | "utm_medium" | "utm_campaign" | "utm" | "campaign_utm";
  p_from: string;
  p_to: string;
  /** null: everything the caller may see */
  p_client_id?: string | null;
  /** next of the page before; null: the first */
  p_after?: Array<string | null> | null;
  /** rows of a page; 1,000 unless given */
  p_limit?: number | null;
};

/** What every reading function answers, as PostgREST gives it. */
export interface Answers {
  get_agency_overview: GetAgencyOverview;
  get_campaign_visits_raw: GetCampaignVisitsRaw;
  get_client_overview: GetClientOverview;
  get_closings: GetClosings;
  get_data_quality: GetDataQuality;
  get_link_stats: GetLinkStats;
  get_marketing_summary: GetMarketingSummary;
  get_series: GetSeries;
  get_webinar_stats: GetWebinarStats;
  get_webinars: GetWebinars;
  list_campaign_hours: ListCampaignHours;
  list_daily_series: ListDailySeries;
  list_range_summary: ListRangeSummary;
}

/** What every reading function takes. Dates are inclusive local dates of the business zone. */
export interface Arguments {
  get_agency_overview: GetAgencyOverviewArguments;
  get_campaign_visits_raw: GetCampaignVisitsRawArguments;
  get_client_overview: GetClientOverviewArguments;
  get_closings: GetClosingsArguments;
  get_data_quality: GetDataQualityArguments;
  get_link_stats: GetLinkStatsArguments;
  get_marketing_summary: GetMarketingSummaryArguments;
  get_series: GetSeriesArguments;
  get_webinar_stats: GetWebinarStatsArguments;
  get_webinars: GetWebinarsArguments;
  list_campaign_hours: ListCampaignHoursArguments;
  list_daily_series: ListDailySeriesArguments;
  list_range_summary: ListRangeSummaryArguments;
}
