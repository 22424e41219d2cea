// What an operator may choose about capture (S1): names, lifetimes (seconds), keys, the trust window.

const DAY = 86_400;
/** Cache-Control of every response that sets one of our cookies: kept by a cache, it would be everybody's session (M2). */
export const UNCACHED = "private, no-store";

/** The defaults with what differs from them; `keys` (newest first) are always given. */
export function captureRules(settings) {
  if (!settings?.keys?.length) throw new Error("captureRules needs keys: the values of EVENTFLOW_CAPTURE_KEYS, newest first.");
  return {
    session_cookie: "ef_session",
    first_cookie: "ef_first_touch",
    last_cookie: "ef_last_touch",
    provisional_cookie: "ef_provisional",
    session_seconds: DAY,
    first_seconds: 365 * DAY,
    last_seconds: 30 * DAY,
    trust_seconds: DAY,
    scope_segments: 0,
    link_parameters: ["link_id", "lid", "marketing_campaign_link_id"],
    secure: true,
    domain: null,
    other_encoding: "cp949",
    country_code: "82",
    ...settings,
  };
}

/** A cookie the response must set. `max_age` 0 ends it; `host_only`: that of the very host, where the rules name a domain. */
export function setCookie(name, value, max_age, host_only = false) {
  return { name, value, max_age, host_only };
}

/** Value of the Set-Cookie header: readable by servers alone, sent along by links from elsewhere. */
export function cookieHeader(rules, cookie) {
  const parts = [`${cookie.name}=${cookie.value}`, `Max-Age=${cookie.max_age}`, "Path=/", "HttpOnly", "SameSite=Lax"];
  if (rules.secure) parts.push("Secure");
  if (rules.domain && !cookie.host_only) parts.push(`Domain=${rules.domain}`);
  return parts.join("; ");
}
