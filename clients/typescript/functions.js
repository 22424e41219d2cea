// Generated from clients/schemas by generate.js: do not edit.

/** The schema in which each reading function is. */
export const SCHEMA_OF = {
  campaign_hours: "stats",
  daily_series: "stats",
  get_campaign_visits_raw: "public",
  get_client_overview: "public",
  get_data_quality: "public",
  get_link_stats: "public",
  get_marketing_summary: "public",
  get_webinar_stats: "public",
  range_summary: "stats",
};
