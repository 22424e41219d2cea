-- EventFlow's fact tables, for development and tests only (in production they exist).
-- No foreign key to a dimension: in development C2 must hold.
create table public.event_access_logs (
    id uuid primary key default gen_random_uuid(),
    campaign_id uuid,
    webinar_id uuid,
    session_id text not null,
    entry_id uuid,
    converted_at timestamptz,
    utm_source text,
    utm_medium text,
    utm_campaign text,
    utm_term text,
    utm_content text,
    cid text,
    referrer text,
    user_agent text,
    marketing_campaign_link_id uuid,
    accessed_at timestamptz not null default now(),
    created_at timestamptz not null default now(),
    constraint event_access_logs_target_check check (campaign_id is not null or webinar_id is not null)
);
create index event_access_logs_campaign_session_idx on public.event_access_logs (campaign_id, session_id);
create index event_access_logs_campaign_accessed_idx on public.event_access_logs (campaign_id, accessed_at);
create index event_access_logs_webinar_idx on public.event_access_logs (webinar_id) where webinar_id is not null;
create index event_access_logs_entry_idx on public.event_access_logs (entry_id) where entry_id is not null;

create table public.event_survey_entries (
    id uuid primary key default gen_random_uuid(),
    campaign_id uuid not null,
    agency_id uuid,
    client_id uuid not null,
    name text,
    company text,
    phone_norm text not null default '',
    survey_no integer not null default 0,
    code6 text not null default '',
    completed_at timestamptz not null default now(),
    created_at timestamptz not null default now(),
    consent_data jsonb,
    registration_data jsonb,
    utm_source text,
    utm_medium text,
    utm_campaign text,
    utm_term text,
    utm_content text,
    utm_first_visit_at timestamptz,
    utm_referrer text,
    marketing_campaign_link_id uuid,
    session_id text,
    unique (campaign_id, phone_norm)
);

create table public.webinar_live_presence (
    webinar_id uuid not null,
    user_id uuid not null,
    joined_at timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    agency_id uuid,
    client_id uuid,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (webinar_id, user_id)
);

create table public.webinar_access_logs (
    id uuid primary key default gen_random_uuid(),
    webinar_id uuid not null,
    time_bucket timestamptz not null,
    sample_count integer not null default 0,
    sum_participants integer not null default 0,
    min_participants integer not null default 0,
    max_participants integer not null default 0,
    last_participants integer not null default 0,
    first_sample_at timestamptz not null default now(),
    last_sample_at timestamptz not null default now(),
    agency_id uuid,
    client_id uuid,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (webinar_id, time_bucket)
);
