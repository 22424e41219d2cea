// Generated from clients/schemas/stats_api by generate.js: do not edit.

/** The reading functions there are. */
export const FUNCTIONS = [
  "get_agency_overview",
  "get_campaign_visits_raw",
  "get_client_overview",
  "get_closings",
  "get_data_quality",
  "get_link_stats",
  "get_marketing_summary",
  "get_series",
  "get_webinar_stats",
  "get_webinars",
  "list_campaign_hours",
  "list_daily_series",
  "list_range_summary",
];
