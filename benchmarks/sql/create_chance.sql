-- HOW: repeatable chance: a number in [0, 1) for a thing and a purpose, the same on every server and in every order.
create or replace function public.chance(p_thing bigint, p_purpose bigint) returns double precision
language sql immutable parallel safe
return (hashint8extended(p_thing, p_purpose) & 2147483647)::double precision / 2147483648;
create or replace function public.made_id(p_kind text, p_number bigint) returns uuid
language sql immutable parallel safe
return (p_kind || '0000000-0000-4000-8000-' || lpad(to_hex(p_number), 12, '0'))::uuid;
