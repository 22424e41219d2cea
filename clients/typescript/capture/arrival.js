// A page request (S3): the session cookie is created if absent, the touches follow what the URL carries.

import { outgoing, remember, sessionCookie, touchCookie } from "./cookies.js";
import { keep, shown } from "./provisional.js";
import { firstOfEach } from "./query.js";
import { origin, surface } from "./text.js";
import { isSome, readAttribution } from "./touch.js";

/** S3, without any database. A page fetched ahead changes nothing that is known: its arrival is kept until shown. */
export async function arrive(rules, request) {
  const known = await remember(rules, request, request.path);
  const log = { cookie_problems: known.problems };
  const session_id = known.session_id ?? request.new_session_id;
  const asked = firstOfEach(request.query.map(([name, value]) => [name.toLowerCase(), value]));
  const { attribution, rejected } = readAttribution(asked, rules.link_parameters);
  // Most page requests carry nothing: where they come from is nobody's business then.
  const referrer = isSome(attribution) ? origin(request.referrer) : null;
  const page = surface(request.path);
  if (request.prefetch) {
    const touch = { attribution, at: Math.trunc(request.now), referrer };
    const cookies = page ? [await keep(rules, page, { session_id, touch, visit: {} })] : [];
    return { session_id: known.session_id, first: known.first, last: known.last, cookies, log: { ...log, session_from: "prefetch" } };
  }
  const { ended } = await shown(rules, request, page);
  const { first, last, cookies } = await touched(rules, request, request.path, known, attribution, referrer);
  return {
    session_id,
    first,
    last,
    cookies: outgoing(rules, request, [await sessionCookie(rules, session_id, request.now), ...cookies, ...ended]),
    log: { ...log, session_from: known.session_id ? "cookie" : "new", arrival: isSome(attribution), rejected },
  };
}

/** Touches after an arrival `at` that carried `attribution` (S2). The first never changes, the last always follows. */
export async function touched(rules, request, path, { first, last }, attribution, referrer, at = Math.trunc(request.now)) {
  if (!isSome(attribution)) return { first, last, cookies: [] };
  const touch = { attribution, at, referrer };
  const cookies = first ? [] : [await touchCookie(rules, "first", touch, path)];
  return { first: first ?? touch, last: touch, cookies: [...cookies, await touchCookie(rules, "last", touch, path)] };
}
