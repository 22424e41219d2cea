set local search_path = pg_catalog, pg_temp;
drop table if exists stats.webinar_day_state, stats.webinar_client_daily, stats.webinar_stats_daily, stats.webinar_stats_5min,
    stats.webinar_sample, stats.webinar_stray_ping, stats.webinar_setting;
