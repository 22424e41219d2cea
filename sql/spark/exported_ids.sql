-- parity/exported_ids for Spark SQL, written by python -m eventflow_pipeline.dev.spark_statements.
SELECT
  SUM(counted.facts) AS facts,
  SUM(counted.ids) AS ids
FROM (
  SELECT
    COUNT(*) AS facts,
    COUNT(DISTINCT v.id) AS ids
  FROM stats_visit_facts AS v
  WHERE
    v.accessed_at >= :window_start AND v.accessed_at < :window_end
  UNION ALL
  SELECT
    COUNT(*),
    COUNT(DISTINCT e.id)
  FROM stats_entry_facts AS e
  WHERE
    e.created_at >= :window_start AND e.created_at < :window_end
) AS counted
