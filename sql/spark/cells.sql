-- numbers/cells for Spark SQL, written by python -m eventflow_pipeline.dev.spark_statements.
SELECT
  n.client_id,
  n.entity_type,
  n.entity_id,
  n.link_id,
  n.link_status,
  n.utm_source,
  n.utm_medium,
  n.utm_campaign,
  several.session_no,
  SUM(n.hits) AS hits,
  COUNT(n.session_id) AS visits,
  COALESCE(SUM(n.hits) FILTER(WHERE
    n.session_id IS NULL), 0) AS sessionless_hits,
  SUM(n.conversions) AS conversions,
  n.day_no
FROM stage_session_days AS n
LEFT JOIN (
  SELECT
    session_id,
    session_id AS session_no,
    stage_session_days.day_no
  FROM stage_session_days
  WHERE
    session_id IS NOT NULL AND NOT excluded
  GROUP BY
    session_id,
    stage_session_days.day_no
  HAVING
    COUNT(*) > 1
) AS several
  ON several.session_id = n.session_id AND several.day_no = n.day_no
WHERE
  NOT n.excluded
GROUP BY
  n.client_id,
  n.entity_type,
  n.entity_id,
  n.link_id,
  n.link_status,
  n.utm_source,
  n.utm_medium,
  n.utm_campaign,
  several.session_no,
  n.day_no
