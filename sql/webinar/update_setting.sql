-- HOW: the ping's minimum interval, as `eventflow migrate` found it in the environment. Inputs: :presence_min_seconds.
update stats.webinar_setting
set presence_min_interval = make_interval(secs => :presence_min_seconds)
where presence_min_interval <> make_interval(secs => :presence_min_seconds)
