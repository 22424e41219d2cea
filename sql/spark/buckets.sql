-- numbers/buckets for Spark SQL, written by python -m eventflow_pipeline.dev.spark_statements.
SELECT
  CAST(counted.grain AS STRING) AS grain,
  CASE WHEN counted.by_client THEN counted.client_id END AS client_id,
  CASE WHEN counted.by_entity THEN counted.entity_type END AS entity_type,
  CASE WHEN counted.by_entity THEN counted.entity_id END AS entity_id,
  CASE WHEN counted.by_link THEN counted.link_id END AS link_id,
  CASE WHEN counted.by_link THEN counted.link_status END AS link_status,
  CASE WHEN counted.by_utm_source THEN counted.utm_source END AS utm_source,
  CASE WHEN counted.by_utm_medium THEN counted.utm_medium END AS utm_medium,
  CASE WHEN counted.by_utm_campaign THEN counted.utm_campaign END AS utm_campaign,
  SUM(counted.hits) AS hits,
  SUM(counted.visits) AS visits,
  SUM(counted.sessionless_hits) AS sessionless_hits,
  SUM(counted.conversions) AS conversions,
  counted.day_no
FROM (
  SELECT
    c.client_id,
    c.entity_type,
    c.entity_id,
    c.link_id,
    c.link_status,
    c.utm_source,
    c.utm_medium,
    c.utm_campaign,
    c.hits,
    c.visits,
    c.sessionless_hits,
    c.conversions,
    c.day_no,
    grains.grain,
    grains.by_client,
    grains.by_entity,
    grains.by_link,
    grains.by_utm_source,
    grains.by_utm_medium,
    grains.by_utm_campaign
  FROM stage_cells AS c
  CROSS JOIN grains
  WHERE
    c.session_no IS NULL
  UNION ALL
  SELECT
    CASE WHEN grains.by_client THEN c.client_id END AS client_id,
    CASE WHEN grains.by_entity THEN c.entity_type END AS entity_type,
    CASE WHEN grains.by_entity THEN c.entity_id END AS entity_id,
    CASE WHEN grains.by_link THEN c.link_id END AS link_id,
    CASE WHEN grains.by_link THEN c.link_status END AS link_status,
    CASE WHEN grains.by_utm_source THEN c.utm_source END AS utm_source,
    CASE WHEN grains.by_utm_medium THEN c.utm_medium END AS utm_medium,
    CASE WHEN grains.by_utm_campaign THEN c.utm_campaign END AS utm_campaign,
    CAST(SUM(c.hits) AS INT),
    1,
    0,
    CAST(SUM(c.conversions) AS INT),
    c.day_no,
    grains.grain,
    grains.by_client,
    grains.by_entity,
    grains.by_link,
    grains.by_utm_source,
    grains.by_utm_medium,
    grains.by_utm_campaign
  FROM stage_cells AS c
  CROSS JOIN grains
  WHERE
    c.session_no IS NOT NULL
  GROUP BY
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    c.session_no,
    c.day_no,
    grains.grain,
    grains.by_client,
    grains.by_entity,
    grains.by_link,
    grains.by_utm_source,
    grains.by_utm_medium,
    grains.by_utm_campaign
) AS counted
GROUP BY
  2,
  3,
  4,
  5,
  6,
  7,
  8,
  9,
  counted.day_no,
  counted.grain
