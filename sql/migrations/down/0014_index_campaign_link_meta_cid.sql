drop index concurrently if exists public.campaign_link_meta_cid_stats_idx;
