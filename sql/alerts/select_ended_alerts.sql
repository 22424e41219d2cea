-- WHAT: conditions whose end was told since an instant.
-- Grain: one row per condition. Inputs: :since.
select distinct name, subject from stats.alert where ended_at >= :since
