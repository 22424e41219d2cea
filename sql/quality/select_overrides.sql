-- WHAT: thresholds single clients have of their own. Grain: client, name.
select client_id, name, warn, error from stats.threshold_override
