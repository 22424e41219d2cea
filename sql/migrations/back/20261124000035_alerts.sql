drop table if exists stats.failed_check;
drop table if exists stats.alert;
