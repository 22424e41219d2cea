// The rules on the web's own Request and Response: Next.js middleware and route handlers, or any server that has them.

import { cookiePairs } from "./cookies.js";
import { queryPairs } from "./query.js";
import { cookieHeader, UNCACHED } from "./rules.js";

// Headers by which browsers say that nobody looks at what they fetch.
const PURPOSES = ["sec-purpose", "purpose", "x-purpose", "x-moz"];

/** The request as the rules see it, received now. */
export function captureRequest(rules, request) {
  const { headers } = request;
  const url = new URL(request.url);
  const purpose = PURPOSES.map((name) => headers.get(name) ?? "").join(" ").toLowerCase();
  return {
    now: Date.now() / 1000,
    new_session_id: crypto.randomUUID(),
    new_event_id: crypto.randomUUID(),
    path: decoded(url.pathname),
    query: queryPairs(url.search.slice(1), rules.other_encoding),
    cookies: cookiePairs(headers.get("cookie") ?? ""),
    referrer: headers.get("referer"),
    user_agent: headers.get("user-agent"),
    prefetch: /prefetch|prerender/.test(purpose) || headers.has("next-router-prefetch"),
  };
}

/** Is it a request for a page, as a browser makes it? */
export function isPage(request) {
  const wanted = request.headers.get("sec-fetch-dest") ?? "document";
  return request.method === "GET" && ["document", "iframe", "frame"].includes(wanted);
}

/** The request's headers with the cookies as they will be, so that what renders this very request knows the session. */
export function withCookies(request, cookies) {
  const headers = new Headers(request.headers);
  const set = cookies.filter((cookie) => cookie.max_age).map(({ name, value }) => [name, value]);
  const names = new Set(cookies.map(({ name }) => name));
  const kept = cookiePairs(headers.get("cookie") ?? "").filter(([name]) => name && !names.has(name));
  headers.set("cookie", [...set, ...kept].map(([name, value]) => `${name}=${value}`).join("; "));
  return headers;
}

/** The response that leaves, a redirect included, with the cookies; it is for one visitor and kept by no cache. */
export function setCookies(rules, response, cookies) {
  for (const cookie of cookies) response.headers.append("set-cookie", cookieHeader(rules, cookie));
  if (cookies.length) response.headers.set("cache-control", UNCACHED);
  return response;
}

function decoded(path) {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
