-- HOW: forgets an episode that was over before anybody had to be told.
-- Grain: one row. Inputs: :name, :subject, :begun_at.
delete from stats.alert
where name = :name and subject = :subject and begun_at = :begun_at and told_severity is null
