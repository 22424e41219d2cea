// A page that was fetched ahead (prefetch, prerender): what its arrival and its visit would have been travels in a signed
// cookie of that page alone, until the page's first call shows that somebody is there (M2, S3).

import { believed, fitting } from "./cookies.js";
import { sha256 } from "./digests.js";
import { setCookie } from "./rules.js";
import { clean, uuidText } from "./text.js";
import { touchContent, touchOf } from "./touch.js";

const LIFETIME = 3_600;
const VISIT = ["event_id", "campaign_id", "webinar_id"];

const nameOf = async (rules, page) => `${rules.provisional_cookie}_${(await sha256(page)).slice(0, 12)}`;

/** The cookie that carries it, for the page at the path `page`. */
export async function keep(rules, page, { session_id, touch, visit }) {
  const name = await nameOf(rules, page);
  const ids = Object.fromEntries(VISIT.filter((key) => visit[key]).map((key) => [key, visit[key]]));
  return setCookie(name, await fitting(rules, name, { ...touchContent(touch), id: session_id, ...ids }), LIFETIME);
}

/** What was kept for the page at the path `page`, and the cookie that ends it. */
export async function shown(rules, request, page) {
  const name = page ? await nameOf(rules, page) : "";
  if (!request.cookies.some(([sent]) => sent === name)) return { ahead: null, ended: [] };
  const content = await believed(rules, request, name, LIFETIME);
  return { ahead: content && typeof content !== "string" ? read(content) : null, ended: [setCookie(name, "", 0)] };
}

function read(content) {
  const session_id = clean(content.id);
  const touch = touchOf(content);
  if (session_id === null || touch === null) return null;
  const ids = VISIT.map((key) => [key, uuidText(content[key])]).filter(([, identifier]) => identifier);
  return { session_id, touch, visit: Object.fromEntries(ids) };
}
