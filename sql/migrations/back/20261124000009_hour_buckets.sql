drop table if exists stats.campaign_hourly;
