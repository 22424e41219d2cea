-- C1, B6: the sampler asks every minute who was seen in the last three; without it the whole history would be read.
create index concurrently if not exists webinar_live_presence_last_seen_at_stats_idx
    on public.webinar_live_presence (last_seen_at);
