// Generated from clients/schemas/stats_api by generate.js: do not edit.

import { z } from "zod";

export const AgencyClient = z.strictObject({
  client_id: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i).nullable(),
  client_name: z.string().nullable(),
  is_unknown: z.boolean(),
  hits: z.number().int().min(0),
  visits: z.number().int().min(0),
  sessionless_hits: z.number().int().min(0),
  conversions: z.number().int().min(0),
  cvr: z.number().min(0).nullable(),
  complete: z.boolean(),
  as_of: z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?\+00:00$/).nullable(),
  as_of_age_seconds: z.number().int().min(0).nullable(),
  late: z.boolean(),
  closed: z.boolean(),
});

export const Rest = z.strictObject({
  members: z.number().int().min(0),
  hits: z.number().int().min(0),
  conversions: z.number().int().min(0),
  visits: z.null(),
  why_no_visits: z.string(),
});

export const AgencyTotals = z.strictObject({
  clients: z.number().int().min(0),
  hits: z.number().int().min(0),
  sessionless_hits: z.number().int().min(0),
  conversions: z.number().int().min(0),
  visits: z.null(),
  why_no_visits: z.string(),
});

export const GetAgencyOverview = z.strictObject({
  agency_id: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i).nullable(),
  agency_name: z.string().nullable(),
  clients: z.array(AgencyClient),
  clients_rest: Rest.nullable(),
  totals: AgencyTotals,
  from: z.string().regex(/^\d{4}-\d{2}-\d{2}$/).nullable(),
  to: z.string().regex(/^\d{4}-\d{2}-\d{2}$/).nullable(),
  complete: z.boolean(),
  as_of: z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?\+00:00$/).nullable(),
  as_of_age_seconds: z.number().int().min(0).nullable(),
  late: z.boolean(),
  closed: z.boolean(),
});

export const RawVisit = z.strictObject({
  id: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i),
  accessed_at: z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?\+00:00$/),
  session: z.string().regex(/^[0-9a-f]{12}$/).nullable(),
  utm_source: z.string().nullable(),
  utm_medium: z.string().nullable(),
  utm_campaign: z.string().nullable(),
  cid: z.string().nullable(),
  link_id: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i).nullable(),
  link_name: z.string().nullable(),
  referrer_host: z.string().nullable(),
  converted: z.boolean(),
});

export const NextPage = z.strictObject({
  after_accessed_at: z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?\+00:00$/),
  after_id: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i),
});

export const GetCampaignVisitsRaw = z.strictObject({
  visits: z.array(RawVisit),
  next: NextPage.nullable(),
  client_id: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i).nullable(),
  client_name: z.string().nullable(),
  from: z.string().regex(/^\d{4}-\d{2}-\d{2}$/).nullable(),
  to: z.string().regex(/^\d{4}-\d{2}-\d{2}$/).nullable(),
  complete: z.boolean(),
  as_of: z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?\+00:00$/).nullable(),
  as_of_age_seconds: z.number().int().min(0).nullable(),
  late: z.boolean(),
  closed: z.boolean(),
});

export const Totals = z.strictObject({
  from: z.string().regex(/^\d{4}-\d{2}-\d{2}$/).nullable(),
  to: z.string().regex(/^\d{4}-\d{2}-\d{2}$/).nullable(),
  complete: z.boolean(),
  hits: z.number().int().min(0),
  visits: z.number().int().min(0),
  sessionless_hits: z.number().int().min(0),
  conversions: z.number().int().min(0),
  cvr: z.number().min(0).nullable(),
});

export const PreviousPeriod = z.strictObject({
  from: z.string().regex(/^\d{4}-\d{2}-\d{2}$/).nullable(),
  to: z.string().regex(/^\d{4}-\d{2}-\d{2}$/).nullable(),
  complete: z.boolean(),
  hits: z.number().int().min(0).nullable(),
  visits: z.number().int().min(0).nullable(),
  sessionless_hits: z.number().int().min(0).nullable(),
  conversions: z.number().int().min(0).nullable(),
  cvr: z.number().min(0).nullable(),
  why_not_compared: z.string().nullable(),
});

export const EntityItem = z.strictObject({
  client_id: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i).nullable(),
  client_name: z.string().nullable(),
  entity_id: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i).nullable(),
  title: z.string().nullable(),
  is_unknown: z.boolean(),
  is_folded: z.boolean(),
  hits: z.number().int().min(0),
  visits: z.number().int().min(0),
  conversions: z.number().int().min(0),
  cvr: z.number().min(0).nullable(),
});

export const OverviewDay = z.strictObject({
  date: z.string().regex(/^\d{4}-\d{2}-\d{2}$/),
  hits: z.number().int().min(0).nullable(),
  visits: z.number().int().min(0).nullable(),
  conversions: z.number().int().min(0).nullable(),
  cvr: z.number().min(0).nullable(),
});

export const GetClientOverview = z.strictObject({
  totals: Totals,
  previous_period: PreviousPeriod,
  campaigns: z.array(EntityItem),
  campaigns_rest: Rest.nullable(),
  webinars: z.array(EntityItem),
  webinars_rest: Rest.nullable(),
  links: z.strictObject({
    total: z.number().int().min(0),
    active: z.number().int().min(0),
  }),
  series: z.array(OverviewDay),
  client_id: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i).nullable(),
  client_name: z.string().nullable(),
  from: z.string().regex(/^\d{4}-\d{2}-\d{2}$/).nullable(),
  to: z.string().regex(/^\d{4}-\d{2}-\d{2}$/).nullable(),
  complete: z.boolean(),
  as_of: z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?\+00:00$/).nullable(),
  as_of_age_seconds: z.number().int().min(0).nullable(),
  late: z.boolean(),
  closed: z.boolean(),
});

export const ClosingFigure = z.strictObject({
  hits: z.number().int(),
  visits: z.number().int(),
  sessionless_hits: z.number().int(),
  conversions: z.number().int(),
});

export const Closing = z.strictObject({
  client_id: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i),
  client_name: z.string().nullable(),
  entry_no: z.number().int().min(1),
  kind: z.enum(["adjusted","closed","reopened"]),
  month: z.string().regex(/^\d{4}-\d{2}-\d{2}$/),
  version: z.number().int().min(1),
  reason: z.string().nullable(),
  author: z.string(),
  recorded_at: z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?\+00:00$/),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  figure: ClosingFigure.nullable(),
});

export const GetClosings = z.strictObject({
  closings: z.array(Closing),
  client_id: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i).nullable(),
  client_name: z.string().nullable(),
  from: z.string().regex(/^\d{4}-\d{2}-\d{2}$/).nullable(),
  to: z.string().regex(/^\d{4}-\d{2}-\d{2}$/).nullable(),
  complete: z.boolean(),
  as_of: z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?\+00:00$/).nullable(),
  as_of_age_seconds: z.number().int().min(0).nullable(),
  late: z.boolean(),
  closed: z.boolean(),
});

export const SuspectedClone = z.strictObject({
  campaigns: z.array(z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i)).min(2).max(2),
  shared_entries: z.number().int().min(0),
});

export const BusySession = z.strictObject({
  measure: z.enum(["hits","entities"]),
  number: z.number().int().min(0),
  session: z.string().regex(/^[0-9a-f]{12}$/),
});

export const QualityDay = z.strictObject({
  date: z.string().regex(/^\d{4}-\d{2}-\d{2}$/),
  measured_at: z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?\+00:00$/).nullable(),
  stale: z.boolean().nullable(),
  visits: z.number().int().min(0).nullable(),
  hits: z.number().int().min(0).nullable(),
  entries: z.number().int().min(0).nullable(),
  linked_entries: z.number().int().min(0).nullable(),
  linkage: z.number().min(0).nullable(),
  utm_fill: z.strictObject({
    captured_hits: z.number().min(0).nullable(),
    captured_entries: z.number().min(0).nullable(),
    attributed_hits: z.number().min(0).nullable(),
    attributed_entries: z.number().min(0).nullable(),
  }),
  link_status: z.strictObject({
    resolved_hits: z.number().min(0).nullable(),
    resolved_entries: z.number().min(0).nullable(),
    unresolved_hits: z.number().min(0).nullable(),
    unresolved_entries: z.number().min(0).nullable(),
    unknown_hits: z.number().min(0).nullable(),
    unknown_entries: z.number().min(0).nullable(),
  }),
  unknown: z.strictObject({
    client_hits: z.number().min(0).nullable(),
    client_entries: z.number().min(0).nullable(),
    entity_hits: z.number().min(0).nullable(),
    entity_entries: z.number().min(0).nullable(),
    utm_hits: z.number().min(0).nullable(),
    utm_entries: z.number().min(0).nullable(),
  }),
  sessionless: z.strictObject({
    hits: z.number().min(0).nullable(),
    entries: z.number().min(0).nullable(),
  }),
  malformed_cid: z.strictObject({
    hits: z.number().min(0).nullable(),
    entries: z.number().min(0).nullable(),
  }),
  visits_per_entry: z.number().min(0).nullable(),
  foreign_entries: z.number().int().min(0).nullable(),
  suspected_clones: z.array(SuspectedClone).nullable(),
  busiest_sessions: z.array(BusySession).nullable(),
  excluded_hits: z.number().int().min(0).nullable(),
  excluded_entries: z.number().int().min(0).nullable(),
  out_of_range_hits: z.number().int().min(0).nullable(),
  out_of_range_entries: z.number().int().min(0).nullable(),
});

export const GetDataQuality = z.strictObject({
  days: z.array(QualityDay),
  client_id: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i).nullable(),
  client_name: z.string().nullable(),
  from: z.string().regex(/^\d{4}-\d{2}-\d{2}$/).nullable(),
  to: z.string().regex(/^\d{4}-\d{2}-\d{2}$/).nullable(),
  complete: z.boolean(),
  as_of: z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?\+00:00$/).nullable(),
  as_of_age_seconds: z.number().int().min(0).nullable(),
  late: z.boolean(),
  closed: z.boolean(),
});

export const LinkDay = z.strictObject({
  date: z.string().regex(/^\d{4}-\d{2}-\d{2}$/),
  visits: z.number().int().min(0).nullable(),
  conversions: z.number().int().min(0).nullable(),
});

export const LinkItem = z.strictObject({
  client_id: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i).nullable(),
  client_name: z.string().nullable(),
  link_id: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i).nullable(),
  link_name: z.string().nullable(),
  link_status: z.enum(["resolved","unknown","unresolved"]),
  is_unknown: z.boolean(),
  is_folded: z.boolean(),
  entity_type: z.enum(["campaign","unknown","webinar"]).nullable(),
  entity_id: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i).nullable(),
  entity_title: z.string().nullable(),
  hits: z.number().int().min(0),
  visits: z.number().int().min(0),
  conversions: z.number().int().min(0),
  cvr: z.number().min(0).nullable(),
  daily: z.array(LinkDay),
});

export const GetLinkStats = z.strictObject({
  links: z.array(LinkItem),
  links_rest: Rest.nullable(),
  totals: Totals,
  client_id: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i).nullable(),
  client_name: z.string().nullable(),
  from: z.string().regex(/^\d{4}-\d{2}-\d{2}$/).nullable(),
  to: z.string().regex(/^\d{4}-\d{2}-\d{2}$/).nullable(),
  complete: z.boolean(),
  as_of: z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?\+00:00$/).nullable(),
  as_of_age_seconds: z.number().int().min(0).nullable(),
  late: z.boolean(),
  closed: z.boolean(),
});

export const SourceItem = z.strictObject({
  client_id: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i).nullable(),
  client_name: z.string().nullable(),
  source: z.string(),
  is_unknown: z.boolean(),
  count: z.number().int().min(0),
  hits: z.number().int().min(0),
  visits: z.number().int().min(0),
  cvr: z.number().min(0).nullable(),
});

export const MediumItem = z.strictObject({
  client_id: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i).nullable(),
  client_name: z.string().nullable(),
  medium: z.string(),
  is_unknown: z.boolean(),
  count: z.number().int().min(0),
  hits: z.number().int().min(0),
  visits: z.number().int().min(0),
  cvr: z.number().min(0).nullable(),
});

export const CampaignItem = z.strictObject({
  client_id: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i).nullable(),
  client_name: z.string().nullable(),
  campaign: z.string(),
  is_unknown: z.boolean(),
  count: z.number().int().min(0),
  hits: z.number().int().min(0),
  visits: z.number().int().min(0),
  cvr: z.number().min(0).nullable(),
});

export const ComboItem = z.strictObject({
  client_id: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i).nullable(),
  client_name: z.string().nullable(),
  source: z.string(),
  source_is_unknown: z.boolean(),
  medium: z.string(),
  medium_is_unknown: z.boolean(),
  campaign: z.string(),
  campaign_is_unknown: z.boolean(),
  is_unknown: z.boolean(),
  count: z.number().int().min(0),
  hits: z.number().int().min(0),
  visits: z.number().int().min(0),
  cvr: z.number().min(0).nullable(),
});

export const StatusCount = z.strictObject({
  hits: z.number().int().min(0),
  conversions: z.number().int().min(0),
});

export const GetMarketingSummary = z.strictObject({
  total_conversions: z.number().int().min(0),
  total_visits: z.number().int().min(0),
  total_hits: z.number().int().min(0),
  cvr: z.number().min(0).nullable(),
  by_source: z.array(SourceItem),
  by_source_rest: Rest.nullable(),
  by_medium: z.array(MediumItem),
  by_medium_rest: Rest.nullable(),
  by_campaign: z.array(CampaignItem),
  by_campaign_rest: Rest.nullable(),
  by_combo: z.array(ComboItem),
  by_combo_rest: Rest.nullable(),
  link_status: z.strictObject({
    resolved: StatusCount,
    unresolved: StatusCount,
    unknown: StatusCount,
  }),
  client_id: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i).nullable(),
  client_name: z.string().nullable(),
  from: z.string().regex(/^\d{4}-\d{2}-\d{2}$/).nullable(),
  to: z.string().regex(/^\d{4}-\d{2}-\d{2}$/).nullable(),
  complete: z.boolean(),
  as_of: z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?\+00:00$/).nullable(),
  as_of_age_seconds: z.number().int().min(0).nullable(),
  late: z.boolean(),
  closed: z.boolean(),
});

export const Period = z.strictObject({
  from: z.string().regex(/^\d{4}-\d{2}-\d{2}$/),
  to: z.string().regex(/^\d{4}-\d{2}-\d{2}$/),
  is_whole: z.boolean(),
  hits: z.number().int().min(0).nullable(),
  visits: z.number().int().min(0).nullable(),
  sessionless_hits: z.number().int().min(0).nullable(),
  conversions: z.number().int().min(0).nullable(),
  cvr: z.number().min(0).nullable(),
  why_null: z.string().nullable(),
});

export const GetSeries = z.strictObject({
  step: z.enum(["day","week","month"]),
  series: z.array(Period),
  client_id: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i).nullable(),
  client_name: z.string().nullable(),
  from: z.string().regex(/^\d{4}-\d{2}-\d{2}$/).nullable(),
  to: z.string().regex(/^\d{4}-\d{2}-\d{2}$/).nullable(),
  complete: z.boolean(),
  as_of: z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?\+00:00$/).nullable(),
  as_of_age_seconds: z.number().int().min(0).nullable(),
  late: z.boolean(),
  closed: z.boolean(),
});

export const WebinarPeak = z.strictObject({
  viewers: z.number().int().min(0),
  at: z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?\+00:00$/).nullable(),
  source: z.enum(["sampled","legacy"]),
});

export const WebinarInterval = z.strictObject({
  start: z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?\+00:00$/),
  source: z.enum(["sampled","legacy"]),
  sample_count: z.number().int().min(0),
  gaps: z.number().int().min(0).nullable(),
  min: z.number().int().min(0).nullable(),
  max: z.number().int().min(0).nullable(),
  avg: z.number().min(0).nullable(),
  last: z.number().int().min(0).nullable(),
});

export const WebinarDay = z.strictObject({
  date: z.string().regex(/^\d{4}-\d{2}-\d{2}$/),
  source: z.enum(["sampled","legacy"]).nullable(),
  peak: z.number().int().min(0).nullable(),
  peak_at: z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?\+00:00$/).nullable(),
  avg_live: z.number().min(0).nullable(),
  minutes_observed: z.number().int().min(0).nullable(),
  minutes_missed: z.number().int().min(0).nullable(),
  unique_viewers: z.number().int().min(0).nullable(),
  hits: z.number().int().min(0).nullable(),
  visits: z.number().int().min(0).nullable(),
  conversions: z.number().int().min(0).nullable(),
  cvr: z.number().min(0).nullable(),
  campaign_shared: z.boolean(),
});

export const GetWebinarStats = z.strictObject({
  webinar_id: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i),
  title: z.string().nullable(),
  webinar_start_time: z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?\+00:00$/).nullable(),
  interval: z.enum(["5m","15m","1h"]),
  peak: WebinarPeak.nullable(),
  series: z.array(WebinarInterval),
  conversions: z.number().int().min(0),
  days: z.array(WebinarDay),
  client_id: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i).nullable(),
  client_name: z.string().nullable(),
  from: z.string().regex(/^\d{4}-\d{2}-\d{2}$/).nullable(),
  to: z.string().regex(/^\d{4}-\d{2}-\d{2}$/).nullable(),
  complete: z.boolean(),
  as_of: z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?\+00:00$/).nullable(),
  as_of_age_seconds: z.number().int().min(0).nullable(),
  late: z.boolean(),
  closed: z.boolean(),
});

export const WebinarItem = z.strictObject({
  client_id: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i).nullable(),
  client_name: z.string().nullable(),
  webinar_id: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i),
  title: z.string().nullable(),
  webinar_start_time: z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?\+00:00$/).nullable(),
  peak: z.number().int().min(0).nullable(),
  peak_at: z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?\+00:00$/).nullable(),
  minutes_observed: z.number().int().min(0).nullable(),
  minutes_missed: z.number().int().min(0).nullable(),
  hits: z.number().int().min(0).nullable(),
  conversions: z.number().int().min(0).nullable(),
  visits: z.number().int().min(0).nullable(),
  why_no_visits: z.string().nullable(),
  cvr: z.number().min(0).nullable(),
  campaign_shared: z.boolean(),
});

export const GetWebinars = z.strictObject({
  webinars: z.array(WebinarItem),
  webinars_rest: Rest.nullable(),
  client_id: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i).nullable(),
  client_name: z.string().nullable(),
  from: z.string().regex(/^\d{4}-\d{2}-\d{2}$/).nullable(),
  to: z.string().regex(/^\d{4}-\d{2}-\d{2}$/).nullable(),
  complete: z.boolean(),
  as_of: z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?\+00:00$/).nullable(),
  as_of_age_seconds: z.number().int().min(0).nullable(),
  late: z.boolean(),
  closed: z.boolean(),
});

export const HourRow = z.strictObject({
  bucket_date: z.string().regex(/^\d{4}-\d{2}-\d{2}$/),
  bucket_hour: z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?\+00:00$/),
  client_id: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i).nullable(),
  client_name: z.string().nullable(),
  entity_type: z.enum(["campaign","unknown","webinar"]),
  entity_id: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i).nullable(),
  entity_title: z.string().nullable(),
  hits: z.number().int().min(0),
  visits: z.number().int().min(0),
  sessionless_hits: z.number().int().min(0),
  conversions: z.number().int().min(0),
  cvr: z.number().min(0).nullable(),
});

export const ListCampaignHours = z.strictObject({
  rows: z.array(HourRow),
  total: z.number().int().min(0),
  next: z.array(z.string().nullable()).nullable(),
  client_id: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i).nullable(),
  client_name: z.string().nullable(),
  from: z.string().regex(/^\d{4}-\d{2}-\d{2}$/).nullable(),
  to: z.string().regex(/^\d{4}-\d{2}-\d{2}$/).nullable(),
  complete: z.boolean(),
  as_of: z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?\+00:00$/).nullable(),
  as_of_age_seconds: z.number().int().min(0).nullable(),
  late: z.boolean(),
  closed: z.boolean(),
});

export const DailyRow = z.strictObject({
  bucket_date: z.string().regex(/^\d{4}-\d{2}-\d{2}$/),
  client_id: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i).nullable(),
  client_name: z.string().nullable(),
  entity_type: z.enum(["campaign","unknown","webinar"]).nullable(),
  entity_id: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i).nullable(),
  entity_title: z.string().nullable(),
  link_id: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i).nullable(),
  link_name: z.string().nullable(),
  link_status: z.enum(["resolved","unknown","unresolved"]).nullable(),
  utm_source: z.string().nullable(),
  utm_medium: z.string().nullable(),
  utm_campaign: z.string().nullable(),
  hits: z.number().int().min(0),
  visits: z.number().int().min(0),
  sessionless_hits: z.number().int().min(0),
  conversions: z.number().int().min(0),
  cvr: z.number().min(0).nullable(),
});

export const ListDailySeries = z.strictObject({
  rows: z.array(DailyRow),
  total: z.number().int().min(0),
  next: z.array(z.string().nullable()).nullable(),
  client_id: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i).nullable(),
  client_name: z.string().nullable(),
  from: z.string().regex(/^\d{4}-\d{2}-\d{2}$/).nullable(),
  to: z.string().regex(/^\d{4}-\d{2}-\d{2}$/).nullable(),
  complete: z.boolean(),
  as_of: z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?\+00:00$/).nullable(),
  as_of_age_seconds: z.number().int().min(0).nullable(),
  late: z.boolean(),
  closed: z.boolean(),
});

export const RangeRow = z.strictObject({
  client_id: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i).nullable(),
  client_name: z.string().nullable(),
  entity_type: z.enum(["campaign","unknown","webinar"]).nullable(),
  entity_id: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i).nullable(),
  entity_title: z.string().nullable(),
  link_id: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i).nullable(),
  link_name: z.string().nullable(),
  link_status: z.enum(["resolved","unknown","unresolved"]).nullable(),
  utm_source: z.string().nullable(),
  utm_medium: z.string().nullable(),
  utm_campaign: z.string().nullable(),
  hits: z.number().int().min(0),
  visits: z.number().int().min(0),
  sessionless_hits: z.number().int().min(0),
  conversions: z.number().int().min(0),
  cvr: z.number().min(0).nullable(),
});

export const ListRangeSummary = z.strictObject({
  rows: z.array(RangeRow),
  total: z.number().int().min(0),
  next: z.array(z.string().nullable()).nullable(),
  client_id: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i).nullable(),
  client_name: z.string().nullable(),
  from: z.string().regex(/^\d{4}-\d{2}-\d{2}$/).nullable(),
  to: z.string().regex(/^\d{4}-\d{2}-\d{2}$/).nullable(),
  complete: z.boolean(),
  as_of: z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?\+00:00$/).nullable(),
  as_of_age_seconds: z.number().int().min(0).nullable(),
  late: z.boolean(),
  closed: z.boolean(),
});

/** By the function's name. */
export const answers = {
  get_agency_overview: GetAgencyOverview,
  get_campaign_visits_raw: GetCampaignVisitsRaw,
  get_client_overview: GetClientOverview,
  get_closings: GetClosings,
  get_data_quality: GetDataQuality,
  get_link_stats: GetLinkStats,
  get_marketing_summary: GetMarketingSummary,
  get_series: GetSeries,
  get_webinar_stats: GetWebinarStats,
  get_webinars: GetWebinars,
  list_campaign_hours: ListCampaignHours,
  list_daily_series: ListDailySeries,
  list_range_summary: ListRangeSummary,
};
