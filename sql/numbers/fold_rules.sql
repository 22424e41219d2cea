-- The fold rules in force (A6), as joins take them. (Not a statement of its own: part of numbers/folded_facts.)
-- Inputs: stats.fold_rule, stats.fold_value. client_key with of_nobody: the client, or the unknown one (NULL equals NULL).
fold_rule as ( -- noqa: PRS
    select
        r.rule_no, r.field, r.kind, r.prefix,
        coalesce(r.client_id, cast('00000000-0000-0000-0000-000000000000' as uuid)) as client_key,
        r.client_id is null as of_nobody
    from stats.fold_rule r
    where r.removed_at is null
),
-- Each value that rules list: whether one of them folds it (1), and how many that fold all but their list spare it.
fold_listed as (
    select
        r.client_key, r.of_nobody, r.field, v.value,
        max(case when r.kind = 'values' then 1 else 0 end) as folds,
        sum(case when r.kind = 'all_except' then 1 else 0 end) as spares
    from fold_rule r
    join stats.fold_value v on v.rule_no = r.rule_no
    group by r.client_key, r.of_nobody, r.field, v.value
),
-- Without those that begin with another one: at most one fits a value.
fold_prefix as (
    select distinct r.client_key, r.of_nobody, r.field, r.prefix
    from fold_rule r
    left join fold_rule shorter
        on shorter.kind = 'prefix' and shorter.client_key = r.client_key and shorter.of_nobody = r.of_nobody
        and shorter.field = r.field and char_length(shorter.prefix) < char_length(r.prefix)
        and substring(r.prefix from 1 for char_length(shorter.prefix)) = shorter.prefix
    where r.kind = 'prefix' and shorter.rule_no is null
),
-- How many rules of a client fold all but their list, by field: a value that all of them spare stays.
fold_rest as (
    select
        r.client_key, r.of_nobody,
        sum(case when r.field = 'utm_source' then 1 else 0 end) as utm_source_rules,
        sum(case when r.field = 'utm_medium' then 1 else 0 end) as utm_medium_rules,
        sum(case when r.field = 'utm_campaign' then 1 else 0 end) as utm_campaign_rules,
        sum(case when r.field = 'link_id' then 1 else 0 end) as link_id_rules,
        sum(case when r.field = 'entity_id' then 1 else 0 end) as entity_id_rules
    from fold_rule r
    where r.kind = 'all_except'
    group by r.client_key, r.of_nobody
)
