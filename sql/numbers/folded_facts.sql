-- WHAT: the facts of a window, attributed and folded, with the hashes that fingerprints are summed from.
-- Grain: one visit hit or one entry. Inputs: numbers/attributed_facts, numbers/fold_rules; :window_start, :window_end
-- (instants, half-open, T1). Rule: A6, after those of attributed_facts: a folded UTM is (folded), a folded id the nil UUID.
-- unfolded_entity_id is what E1 said; folded is 1 where any field is.
-- fact_hash covers every column of the fact that is read; attribution_hash all that dimensions, exclusions and fold rules
-- made of it. Both hold the id. They are summed: hashing a record's hash once more ties its columns together, so that values
-- swapped between two facts do not cancel out. id_hash and recorded_at tell which facts were there when.
with
{include numbers/fold_rules},
-- What of a fact can be folded, as text; NULL, which joins nothing: nothing.
foldable as (
    select
        a.*,
        coalesce(a.client_id, cast('00000000-0000-0000-0000-000000000000' as uuid)) as client_key,
        a.client_id is null as of_nobody,
        case when a.link_status = 'unresolved' then cast(a.link_id as text) end as loose_link,
        case when a.entity_row_is_missing then cast(a.entity_id as text) end as loose_entity
    from (
        {include numbers/attributed_facts}
    ) a
    where (select count(*) from fold_rule) > 0
    -- Each of these is worked out once, not wherever the joins below name it.
    limit all offset 0 -- noqa: AM09
),
judged as (
    select
        f.*,
        f.utm_source is not null and (
            source_listed.folds = 1 or source_prefix.prefix is not null
            or coalesce(rest.utm_source_rules, 0) > coalesce(source_listed.spares, 0)
        ) as source_is_folded,
        f.utm_medium is not null and (
            medium_listed.folds = 1 or medium_prefix.prefix is not null
            or coalesce(rest.utm_medium_rules, 0) > coalesce(medium_listed.spares, 0)
        ) as medium_is_folded,
        f.utm_campaign is not null and (
            campaign_listed.folds = 1 or campaign_prefix.prefix is not null
            or coalesce(rest.utm_campaign_rules, 0) > coalesce(campaign_listed.spares, 0)
        ) as campaign_is_folded,
        f.loose_link is not null and (
            link_listed.folds = 1 or link_prefix.prefix is not null
            or coalesce(rest.link_id_rules, 0) > coalesce(link_listed.spares, 0)
        ) as link_is_folded,
        f.loose_entity is not null and (
            entity_listed.folds = 1 or entity_prefix.prefix is not null
            or coalesce(rest.entity_id_rules, 0) > coalesce(entity_listed.spares, 0)
        ) as entity_is_folded
    from foldable f
    left join fold_rest rest on rest.client_key = f.client_key and rest.of_nobody = f.of_nobody
    left join fold_listed source_listed
        on source_listed.field = 'utm_source' and source_listed.value = f.utm_source
        and source_listed.client_key = f.client_key and source_listed.of_nobody = f.of_nobody
    left join fold_prefix source_prefix
        on source_prefix.field = 'utm_source' and source_prefix.client_key = f.client_key and source_prefix.of_nobody = f.of_nobody
        and substring(f.utm_source from 1 for char_length(source_prefix.prefix)) = source_prefix.prefix
    left join fold_listed medium_listed
        on medium_listed.field = 'utm_medium' and medium_listed.value = f.utm_medium
        and medium_listed.client_key = f.client_key and medium_listed.of_nobody = f.of_nobody
    left join fold_prefix medium_prefix
        on medium_prefix.field = 'utm_medium' and medium_prefix.client_key = f.client_key and medium_prefix.of_nobody = f.of_nobody
        and substring(f.utm_medium from 1 for char_length(medium_prefix.prefix)) = medium_prefix.prefix
    left join fold_listed campaign_listed
        on campaign_listed.field = 'utm_campaign' and campaign_listed.value = f.utm_campaign
        and campaign_listed.client_key = f.client_key and campaign_listed.of_nobody = f.of_nobody
    left join fold_prefix campaign_prefix
        on campaign_prefix.field = 'utm_campaign' and campaign_prefix.client_key = f.client_key and campaign_prefix.of_nobody = f.of_nobody
        and substring(f.utm_campaign from 1 for char_length(campaign_prefix.prefix)) = campaign_prefix.prefix
    left join fold_listed link_listed
        on link_listed.field = 'link_id' and link_listed.value = f.loose_link
        and link_listed.client_key = f.client_key and link_listed.of_nobody = f.of_nobody
    left join fold_prefix link_prefix
        on link_prefix.field = 'link_id' and link_prefix.client_key = f.client_key and link_prefix.of_nobody = f.of_nobody
        and substring(f.loose_link from 1 for char_length(link_prefix.prefix)) = link_prefix.prefix
    left join fold_listed entity_listed
        on entity_listed.field = 'entity_id' and entity_listed.value = f.loose_entity
        and entity_listed.client_key = f.client_key and entity_listed.of_nobody = f.of_nobody
    left join fold_prefix entity_prefix
        on entity_prefix.field = 'entity_id' and entity_prefix.client_key = f.client_key and entity_prefix.of_nobody = f.of_nobody
        and substring(f.loose_entity from 1 for char_length(entity_prefix.prefix)) = entity_prefix.prefix
),
folded as (
    -- Without a rule in force facts are read by the first half alone, with one by the second.
    select
        a.id, a.occurred_at, a.recorded_at, a.client_id, a.entity_type, a.entity_id, a.entity_id as unfolded_entity_id, a.link_id,
        a.link_status, a.utm_source, a.utm_medium, a.utm_campaign, a.session_id, a.hits, a.conversions, a.excluded,
        0 as folded, a.fact_record_hash
    from (
        {include numbers/attributed_facts}
    ) a
    where (select count(*) from fold_rule) = 0
    union all
    select
        j.id, j.occurred_at, j.recorded_at, j.client_id, j.entity_type,
        case when j.entity_is_folded then cast('00000000-0000-0000-0000-000000000000' as uuid) else j.entity_id end,
        j.entity_id,
        case when j.link_is_folded then cast('00000000-0000-0000-0000-000000000000' as uuid) else j.link_id end,
        j.link_status,
        case when j.source_is_folded then '(folded)' else j.utm_source end,
        case when j.medium_is_folded then '(folded)' else j.utm_medium end,
        case when j.campaign_is_folded then '(folded)' else j.utm_campaign end,
        j.session_id, j.hits, j.conversions, j.excluded,
        case when j.entity_is_folded or j.link_is_folded or j.source_is_folded or j.medium_is_folded or j.campaign_is_folded
             then 1 else 0 end,
        j.fact_record_hash
    from judged j
)
select
    id, occurred_at, recorded_at, client_id, entity_type, entity_id, unfolded_entity_id, link_id, link_status, utm_source,
    utm_medium, utm_campaign, session_id, hits, conversions, excluded, folded, uuid_hash_extended(id, 0) as id_hash,
    hashtextextended(fact_record_hash::text, 0) as fact_hash,
    hashtextextended(hash_record_extended(
        row(hits, id, client_id, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign, excluded), 0
    )::text, 0) as attribution_hash
from folded
