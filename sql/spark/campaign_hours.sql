-- numbers/campaign_hours for Spark SQL, written by python -m eventflow_pipeline.dev.spark_statements.
SELECT
  DATE_TRUNC('HOUR', occurred_at) AS bucket_hour,
  client_id,
  entity_type,
  entity_id,
  SUM(hits) AS hits,
  COUNT(DISTINCT session_id) AS visits,
  COALESCE(SUM(hits) FILTER(WHERE
    session_id IS NULL), 0) AS sessionless_hits,
  SUM(conversions) AS conversions,
  SIZE(
    FILTER(CAST(SPLIT(:starts, ',') AS ARRAY<TIMESTAMP>), start -> start <= fact.occurred_at)
  ) AS day_no
FROM (
  WITH fold_rule AS (
    SELECT
      r.rule_no,
      r.field,
      r.kind,
      r.prefix,
      COALESCE(r.client_id, CAST('00000000-0000-0000-0000-000000000000' AS STRING)) AS client_key,
      r.client_id IS NULL AS of_nobody
    FROM stats_fold_rule AS r
    WHERE
      r.removed_at IS NULL
  ), fold_listed AS (
    SELECT
      r.client_key,
      r.of_nobody,
      r.field,
      v.value,
      MAX(CASE WHEN r.kind = 'values' THEN 1 ELSE 0 END) AS folds,
      SUM(CASE WHEN r.kind = 'all_except' THEN 1 ELSE 0 END) AS spares
    FROM fold_rule AS r
    JOIN stats_fold_value AS v
      ON v.rule_no = r.rule_no
    GROUP BY
      r.client_key,
      r.of_nobody,
      r.field,
      v.value
  ), fold_prefix AS (
    SELECT DISTINCT
      r.client_key,
      r.of_nobody,
      r.field,
      r.prefix
    FROM fold_rule AS r
    LEFT JOIN fold_rule AS shorter
      ON shorter.kind = 'prefix'
      AND shorter.client_key = r.client_key
      AND shorter.of_nobody = r.of_nobody
      AND shorter.field = r.field
      AND LENGTH(shorter.prefix) < LENGTH(r.prefix)
      AND SUBSTRING(r.prefix, 1, LENGTH(shorter.prefix)) = shorter.prefix
    WHERE
      r.kind = 'prefix' AND shorter.rule_no IS NULL
  ), fold_rest AS (
    SELECT
      r.client_key,
      r.of_nobody,
      SUM(CASE WHEN r.field = 'utm_source' THEN 1 ELSE 0 END) AS utm_source_rules,
      SUM(CASE WHEN r.field = 'utm_medium' THEN 1 ELSE 0 END) AS utm_medium_rules,
      SUM(CASE WHEN r.field = 'utm_campaign' THEN 1 ELSE 0 END) AS utm_campaign_rules,
      SUM(CASE WHEN r.field = 'link_id' THEN 1 ELSE 0 END) AS link_id_rules,
      SUM(CASE WHEN r.field = 'entity_id' THEN 1 ELSE 0 END) AS entity_id_rules
    FROM fold_rule AS r
    WHERE
      r.kind = 'all_except'
    GROUP BY
      r.client_key,
      r.of_nobody
  ), foldable AS (
    SELECT
      a.*,
      COALESCE(a.client_id, CAST('00000000-0000-0000-0000-000000000000' AS STRING)) AS client_key,
      a.client_id IS NULL AS of_nobody,
      CASE WHEN a.link_status = 'unresolved' THEN CAST(a.link_id AS STRING) END AS loose_link,
      CASE WHEN a.entity_row_is_missing THEN CAST(a.entity_id AS STRING) END AS loose_entity
    FROM (
      WITH fact AS (
        SELECT
          v.id,
          v.accessed_at AS occurred_at,
          v.created_at AS recorded_at,
          v.entity_type,
          v.entity_id,
          v.entity_row_is_missing,
          v.client_id,
          CAST(NULL AS STRING) AS own_client_id,
          v.link_id,
          v.cid,
          v.utm_source,
          v.utm_medium,
          v.utm_campaign,
          v.session_id,
          1 AS hits,
          0 AS conversions
        FROM (
          SELECT
            v.id,
            v.accessed_at,
            v.created_at,
            v.campaign_id,
            CASE
              WHEN v.campaign_id IS NOT NULL
              THEN 'campaign'
              WHEN v.webinar_id IS NOT NULL
              THEN 'webinar'
              ELSE 'unknown'
            END AS entity_type,
            COALESCE(v.campaign_id, v.webinar_id) AS entity_id,
            CASE WHEN v.campaign_id IS NOT NULL THEN c.client_id ELSE w.client_id END AS client_id,
            CASE
              WHEN v.campaign_id IS NOT NULL
              THEN c.id IS NULL
              ELSE v.webinar_id IS NOT NULL AND w.id IS NULL
            END AS entity_row_is_missing,
            v.link_id,
            v.cid,
            v.utm_source,
            v.utm_medium,
            v.utm_campaign,
            v.session_id
          FROM stats_visit_facts AS v
          LEFT JOIN stats_campaigns AS c
            ON c.id = v.campaign_id
          LEFT JOIN stats_webinars AS w
            ON w.id = v.webinar_id
        ) AS v
        WHERE
          v.accessed_at >= :window_start AND v.accessed_at < :window_end
        UNION ALL
        SELECT
          e.id,
          e.created_at,
          e.created_at,
          CASE WHEN e.campaign_id IS NOT NULL THEN 'campaign' ELSE 'unknown' END,
          e.campaign_id,
          e.campaign_id IS NOT NULL AND c.id IS NULL,
          e.client_id,
          e.client_id,
          e.link_id,
          e.cid,
          e.utm_source,
          e.utm_medium,
          e.utm_campaign,
          NULL,
          0,
          1
        FROM stats_entry_facts AS e
        LEFT JOIN stats_campaigns AS c
          ON c.id = e.campaign_id
        WHERE
          e.created_at >= :window_start AND e.created_at < :window_end
      ), cid_link AS (
        SELECT
          l.*
        FROM (
          SELECT
            l.*,
            ROW_NUMBER() OVER (PARTITION BY l.client_id, l.cid ORDER BY l.created_at NULLS LAST, l.id NULLS LAST) AS age
          FROM stats_links AS l
          WHERE
            l.cid IS NOT NULL
        ) AS l
        WHERE
          l.age = 1
      )
      SELECT
        f.id,
        f.occurred_at,
        f.recorded_at,
        f.client_id,
        f.entity_type,
        f.entity_id,
        f.entity_row_is_missing,
        COALESCE(f.link_id, by_cid.id) AS link_id,
        CASE
          WHEN by_id.id IS NOT NULL OR by_cid.id IS NOT NULL
          THEN 'resolved'
          WHEN f.link_id IS NOT NULL OR f.cid IS NOT NULL
          THEN 'unresolved'
          ELSE 'unknown'
        END AS link_status,
        CASE
          WHEN untagged.is_so
          THEN COALESCE(by_id.utm_source, by_cid.utm_source)
          ELSE f.utm_source
        END AS utm_source,
        CASE
          WHEN untagged.is_so
          THEN COALESCE(by_id.utm_medium, by_cid.utm_medium)
          ELSE f.utm_medium
        END AS utm_medium,
        CASE
          WHEN untagged.is_so
          THEN COALESCE(by_id.utm_campaign, by_cid.utm_campaign)
          ELSE f.utm_campaign
        END AS utm_campaign,
        f.session_id,
        f.hits,
        f.conversions,
        x.campaign_id IS NOT NULL AS excluded
      FROM fact AS f
      CROSS JOIN LATERAL (
        SELECT
          f.utm_source IS NULL AND f.utm_medium IS NULL AND f.utm_campaign IS NULL AS is_so
      ) AS untagged
      LEFT JOIN stats_links AS by_id
        ON by_id.id = f.link_id AND by_id.client_id = f.client_id
      LEFT JOIN cid_link AS by_cid
        ON f.link_id IS NULL AND by_cid.cid = f.cid AND by_cid.client_id = f.client_id
      LEFT JOIN stats_exclusion AS x
        ON x.campaign_id = f.entity_id AND f.entity_type = 'campaign'
    ) AS a
    WHERE
      :fold_rules > 0
  ), judged AS (
    SELECT
      f.*,
      f.utm_source IS NOT NULL
      AND (
        source_listed.folds = 1
        OR source_prefix.prefix IS NOT NULL
        OR COALESCE(rest.utm_source_rules, 0) > COALESCE(source_listed.spares, 0)
      ) AS source_is_folded,
      f.utm_medium IS NOT NULL
      AND (
        medium_listed.folds = 1
        OR medium_prefix.prefix IS NOT NULL
        OR COALESCE(rest.utm_medium_rules, 0) > COALESCE(medium_listed.spares, 0)
      ) AS medium_is_folded,
      f.utm_campaign IS NOT NULL
      AND (
        campaign_listed.folds = 1
        OR campaign_prefix.prefix IS NOT NULL
        OR COALESCE(rest.utm_campaign_rules, 0) > COALESCE(campaign_listed.spares, 0)
      ) AS campaign_is_folded,
      f.loose_link IS NOT NULL
      AND (
        link_listed.folds = 1
        OR link_prefix.prefix IS NOT NULL
        OR COALESCE(rest.link_id_rules, 0) > COALESCE(link_listed.spares, 0)
      ) AS link_is_folded,
      f.loose_entity IS NOT NULL
      AND (
        entity_listed.folds = 1
        OR entity_prefix.prefix IS NOT NULL
        OR COALESCE(rest.entity_id_rules, 0) > COALESCE(entity_listed.spares, 0)
      ) AS entity_is_folded
    FROM foldable AS f
    LEFT JOIN fold_rest AS rest
      ON rest.client_key = f.client_key AND rest.of_nobody = f.of_nobody
    LEFT JOIN fold_listed AS source_listed
      ON source_listed.field = 'utm_source'
      AND source_listed.value = f.utm_source
      AND source_listed.client_key = f.client_key
      AND source_listed.of_nobody = f.of_nobody
    LEFT JOIN fold_prefix AS source_prefix
      ON source_prefix.field = 'utm_source'
      AND source_prefix.client_key = f.client_key
      AND source_prefix.of_nobody = f.of_nobody
      AND SUBSTRING(f.utm_source, 1, LENGTH(source_prefix.prefix)) = source_prefix.prefix
    LEFT JOIN fold_listed AS medium_listed
      ON medium_listed.field = 'utm_medium'
      AND medium_listed.value = f.utm_medium
      AND medium_listed.client_key = f.client_key
      AND medium_listed.of_nobody = f.of_nobody
    LEFT JOIN fold_prefix AS medium_prefix
      ON medium_prefix.field = 'utm_medium'
      AND medium_prefix.client_key = f.client_key
      AND medium_prefix.of_nobody = f.of_nobody
      AND SUBSTRING(f.utm_medium, 1, LENGTH(medium_prefix.prefix)) = medium_prefix.prefix
    LEFT JOIN fold_listed AS campaign_listed
      ON campaign_listed.field = 'utm_campaign'
      AND campaign_listed.value = f.utm_campaign
      AND campaign_listed.client_key = f.client_key
      AND campaign_listed.of_nobody = f.of_nobody
    LEFT JOIN fold_prefix AS campaign_prefix
      ON campaign_prefix.field = 'utm_campaign'
      AND campaign_prefix.client_key = f.client_key
      AND campaign_prefix.of_nobody = f.of_nobody
      AND SUBSTRING(f.utm_campaign, 1, LENGTH(campaign_prefix.prefix)) = campaign_prefix.prefix
    LEFT JOIN fold_listed AS link_listed
      ON link_listed.field = 'link_id'
      AND link_listed.value = f.loose_link
      AND link_listed.client_key = f.client_key
      AND link_listed.of_nobody = f.of_nobody
    LEFT JOIN fold_prefix AS link_prefix
      ON link_prefix.field = 'link_id'
      AND link_prefix.client_key = f.client_key
      AND link_prefix.of_nobody = f.of_nobody
      AND SUBSTRING(f.loose_link, 1, LENGTH(link_prefix.prefix)) = link_prefix.prefix
    LEFT JOIN fold_listed AS entity_listed
      ON entity_listed.field = 'entity_id'
      AND entity_listed.value = f.loose_entity
      AND entity_listed.client_key = f.client_key
      AND entity_listed.of_nobody = f.of_nobody
    LEFT JOIN fold_prefix AS entity_prefix
      ON entity_prefix.field = 'entity_id'
      AND entity_prefix.client_key = f.client_key
      AND entity_prefix.of_nobody = f.of_nobody
      AND SUBSTRING(f.loose_entity, 1, LENGTH(entity_prefix.prefix)) = entity_prefix.prefix
  ), folded AS (
    SELECT
      a.id,
      a.occurred_at,
      a.recorded_at,
      a.client_id,
      a.entity_type,
      a.entity_id,
      a.entity_id AS unfolded_entity_id,
      a.link_id,
      a.link_status,
      a.utm_source,
      a.utm_medium,
      a.utm_campaign,
      a.session_id,
      a.hits,
      a.conversions,
      a.excluded,
      0 AS folded
    FROM (
      WITH fact AS (
        SELECT
          v.id,
          v.accessed_at AS occurred_at,
          v.created_at AS recorded_at,
          v.entity_type,
          v.entity_id,
          v.entity_row_is_missing,
          v.client_id,
          CAST(NULL AS STRING) AS own_client_id,
          v.link_id,
          v.cid,
          v.utm_source,
          v.utm_medium,
          v.utm_campaign,
          v.session_id,
          1 AS hits,
          0 AS conversions
        FROM (
          SELECT
            v.id,
            v.accessed_at,
            v.created_at,
            v.campaign_id,
            CASE
              WHEN v.campaign_id IS NOT NULL
              THEN 'campaign'
              WHEN v.webinar_id IS NOT NULL
              THEN 'webinar'
              ELSE 'unknown'
            END AS entity_type,
            COALESCE(v.campaign_id, v.webinar_id) AS entity_id,
            CASE WHEN v.campaign_id IS NOT NULL THEN c.client_id ELSE w.client_id END AS client_id,
            CASE
              WHEN v.campaign_id IS NOT NULL
              THEN c.id IS NULL
              ELSE v.webinar_id IS NOT NULL AND w.id IS NULL
            END AS entity_row_is_missing,
            v.link_id,
            v.cid,
            v.utm_source,
            v.utm_medium,
            v.utm_campaign,
            v.session_id
          FROM stats_visit_facts AS v
          LEFT JOIN stats_campaigns AS c
            ON c.id = v.campaign_id
          LEFT JOIN stats_webinars AS w
            ON w.id = v.webinar_id
        ) AS v
        WHERE
          v.accessed_at >= :window_start AND v.accessed_at < :window_end
        UNION ALL
        SELECT
          e.id,
          e.created_at,
          e.created_at,
          CASE WHEN e.campaign_id IS NOT NULL THEN 'campaign' ELSE 'unknown' END,
          e.campaign_id,
          e.campaign_id IS NOT NULL AND c.id IS NULL,
          e.client_id,
          e.client_id,
          e.link_id,
          e.cid,
          e.utm_source,
          e.utm_medium,
          e.utm_campaign,
          NULL,
          0,
          1
        FROM stats_entry_facts AS e
        LEFT JOIN stats_campaigns AS c
          ON c.id = e.campaign_id
        WHERE
          e.created_at >= :window_start AND e.created_at < :window_end
      ), cid_link AS (
        SELECT
          l.*
        FROM (
          SELECT
            l.*,
            ROW_NUMBER() OVER (PARTITION BY l.client_id, l.cid ORDER BY l.created_at NULLS LAST, l.id NULLS LAST) AS age
          FROM stats_links AS l
          WHERE
            l.cid IS NOT NULL
        ) AS l
        WHERE
          l.age = 1
      )
      SELECT
        f.id,
        f.occurred_at,
        f.recorded_at,
        f.client_id,
        f.entity_type,
        f.entity_id,
        f.entity_row_is_missing,
        COALESCE(f.link_id, by_cid.id) AS link_id,
        CASE
          WHEN by_id.id IS NOT NULL OR by_cid.id IS NOT NULL
          THEN 'resolved'
          WHEN f.link_id IS NOT NULL OR f.cid IS NOT NULL
          THEN 'unresolved'
          ELSE 'unknown'
        END AS link_status,
        CASE
          WHEN untagged.is_so
          THEN COALESCE(by_id.utm_source, by_cid.utm_source)
          ELSE f.utm_source
        END AS utm_source,
        CASE
          WHEN untagged.is_so
          THEN COALESCE(by_id.utm_medium, by_cid.utm_medium)
          ELSE f.utm_medium
        END AS utm_medium,
        CASE
          WHEN untagged.is_so
          THEN COALESCE(by_id.utm_campaign, by_cid.utm_campaign)
          ELSE f.utm_campaign
        END AS utm_campaign,
        f.session_id,
        f.hits,
        f.conversions,
        x.campaign_id IS NOT NULL AS excluded
      FROM fact AS f
      CROSS JOIN LATERAL (
        SELECT
          f.utm_source IS NULL AND f.utm_medium IS NULL AND f.utm_campaign IS NULL AS is_so
      ) AS untagged
      LEFT JOIN stats_links AS by_id
        ON by_id.id = f.link_id AND by_id.client_id = f.client_id
      LEFT JOIN cid_link AS by_cid
        ON f.link_id IS NULL AND by_cid.cid = f.cid AND by_cid.client_id = f.client_id
      LEFT JOIN stats_exclusion AS x
        ON x.campaign_id = f.entity_id AND f.entity_type = 'campaign'
    ) AS a
    WHERE
      :fold_rules = 0
    UNION ALL
    SELECT
      j.id,
      j.occurred_at,
      j.recorded_at,
      j.client_id,
      j.entity_type,
      CASE
        WHEN j.entity_is_folded
        THEN CAST('00000000-0000-0000-0000-000000000000' AS STRING)
        ELSE j.entity_id
      END,
      j.entity_id,
      CASE
        WHEN j.link_is_folded
        THEN CAST('00000000-0000-0000-0000-000000000000' AS STRING)
        ELSE j.link_id
      END,
      j.link_status,
      CASE WHEN j.source_is_folded THEN '(folded)' ELSE j.utm_source END,
      CASE WHEN j.medium_is_folded THEN '(folded)' ELSE j.utm_medium END,
      CASE WHEN j.campaign_is_folded THEN '(folded)' ELSE j.utm_campaign END,
      j.session_id,
      j.hits,
      j.conversions,
      j.excluded,
      CASE
        WHEN j.entity_is_folded
        OR j.link_is_folded
        OR j.source_is_folded
        OR j.medium_is_folded
        OR j.campaign_is_folded
        THEN 1
        ELSE 0
      END
    FROM judged AS j
  )
  SELECT
    id,
    occurred_at,
    recorded_at,
    client_id,
    entity_type,
    entity_id,
    unfolded_entity_id,
    link_id,
    link_status,
    utm_source,
    utm_medium,
    utm_campaign,
    session_id,
    hits,
    conversions,
    excluded,
    folded
  FROM folded
) AS fact
WHERE
  NOT excluded
  AND (
    ARRAY_CONTAINS(SPLIT(:clients, ','), client_id)
    OR ARRAY_CONTAINS(SPLIT(:campaigns, ','), entity_id)
  )
GROUP BY
  bucket_hour,
  client_id,
  entity_type,
  entity_id,
  day_no
