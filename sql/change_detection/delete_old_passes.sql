-- HOW: forgets passes of change detection that began before :kept_from, the latest of each scope excepted.
delete from stats.detection_pass d
where d.started_at < :kept_from
  and exists (select from stats.detection_pass n where n.scope = d.scope and n.started_at > d.started_at)
