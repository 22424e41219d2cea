-- parity/exported_ids for Spark SQL, written by python -m eventflow_pipeline.dev.spark_statements.
SELECT
  SUM(counted.facts) AS facts,
  SUM(counted.ids) AS ids,
  counted.day_no
FROM (
  SELECT
    COUNT(*) AS facts,
    COUNT(DISTINCT v.id) AS ids,
    SIZE(
      FILTER(CAST(SPLIT(:starts, ',') AS ARRAY<TIMESTAMP>), start -> start <= v.accessed_at)
    ) AS day_no
  FROM stats_visit_facts AS v
  WHERE
    v.accessed_at >= :window_start AND v.accessed_at < :window_end
  GROUP BY
    day_no
  UNION ALL
  SELECT
    COUNT(*),
    COUNT(DISTINCT e.id),
    SIZE(
      FILTER(CAST(SPLIT(:starts, ',') AS ARRAY<TIMESTAMP>), start -> start <= e.created_at)
    ) AS day_no
  FROM stats_entry_facts AS e
  WHERE
    e.created_at >= :window_start AND e.created_at < :window_end
  GROUP BY
    day_no
) AS counted
GROUP BY
  counted.day_no
