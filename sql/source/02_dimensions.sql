-- EventFlow's dimension tables, for development and tests only (in production they exist).
-- Every dimension is optional for any fact (C2).
create table public.agencies (
    id uuid primary key default gen_random_uuid(),
    name text not null,
    status text not null default 'active',
    created_at timestamptz not null default now()
);

create table public.clients (
    id uuid primary key default gen_random_uuid(),
    agency_id uuid,
    name text not null,
    status text not null default 'active',
    created_at timestamptz not null default now()
);

create table public.client_members (
    client_id uuid not null,
    user_id uuid not null,
    role text not null check (role in ('owner', 'admin', 'operator', 'analyst', 'member')),
    primary key (client_id, user_id)
);

create table public.agency_members (
    agency_id uuid not null,
    user_id uuid not null,
    role text not null check (role in ('owner', 'admin', 'analyst')),
    primary key (agency_id, user_id)
);

create table public.event_survey_campaigns (
    id uuid primary key default gen_random_uuid(),
    agency_id uuid,
    client_id uuid not null,
    title text not null,
    public_path text not null default '/',
    status text not null default 'draft' check (status in ('draft', 'published', 'closed')),
    type text not null default 'registration' check (type in ('survey', 'registration')),
    created_at timestamptz not null default now()
);

create table public.webinars (
    id uuid primary key default gen_random_uuid(),
    agency_id uuid,
    client_id uuid not null,
    title text not null,
    type text not null default 'live' check (type in ('live', 'ondemand')),
    start_time timestamptz,
    end_time timestamptz,
    webinar_start_time timestamptz,
    registration_campaign_id uuid,
    created_at timestamptz not null default now()
);

create table public.campaign_link_meta (
    id uuid primary key default gen_random_uuid(),
    agency_id uuid,
    client_id uuid not null,
    name text not null,
    target_type text not null default 'campaign' check (target_type in ('campaign', 'webinar')),
    target_campaign_id uuid,
    target_webinar_id uuid,
    utm_source text,
    utm_medium text,
    utm_campaign text,
    utm_term text,
    utm_content text,
    cid text,
    status text not null default 'active' check (status in ('active', 'paused', 'archived')),
    start_date date,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (client_id, cid)
);
