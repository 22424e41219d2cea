// Signed cookies: base64url(JSON) "." base64url(HMAC-SHA256), both without padding. The signing key is
// HMAC-SHA256(key, "eventflow-capture:" + cookie name), so a value moved under another name fails.

import { bytesOf, hmac, sha256 } from "./digests.js";
import { setCookie } from "./rules.js";
import { clean } from "./text.js";
import { first, strip } from "./text_parts.js";
import { touchContent, touchOf } from "./touch.js";

// Browsers drop a cookie of more than 4,096 bytes, name and attributes included.
const LARGEST = 3_800;
/** A cookie from this many seconds ahead is believed: servers' clocks differ. */
export const CLOCK_SKEW = 300;
const MOST_OF_A_NAME = 8;
const MOST_COOKIES = 256;

/**
 * The tenant a path belongs to, as the suffix of its touch cookies; empty with `scope_segments` 0. What a name alone
 * would not keep apart is hashed.
 */
export async function scope(rules, path) {
  const segments = path.split("/").filter(Boolean).slice(0, rules.scope_segments);
  if (!segments.length) return "";
  const name = segments.join(".");
  if (name.length <= 40 && segments.every((part) => /^[a-z0-9-]+$/.test(part))) return `_${name}`;
  return `_${(await sha256(segments.join("/"))).slice(0, 16)}`;
}

/** Value of the cookie `name` that carries `content`, signed with the newest key. */
export async function sign(rules, name, content) {
  const body = base64url(bytesOf(JSON.stringify(Object.fromEntries(Object.entries(content).sort(([a], [b]) => (a < b ? -1 : 1))))));
  return `${body}.${await signature(rules.keys[0], name, body)}`;
}

/** Content of a cookie that one of the keys signed under this name; else why not, in a word. */
export async function verify(rules, name, value) {
  if (value.length > LARGEST + 200) return "oversized";
  const at = value.lastIndexOf(".");
  if (at < 0) return "tampered";
  const [body, given] = [value.slice(0, at), value.slice(at + 1)];
  let isOurs = false;
  for (const key of rules.keys) isOurs = sameText(await signature(key, name, body), given) || isOurs;
  if (!isOurs) return "tampered";
  try {
    const bytes = Uint8Array.from(atob(body.replaceAll("-", "+").replaceAll("_", "/")), (ch) => ch.charCodeAt(0));
    const content = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return typeof content === "object" && content !== null && !Array.isArray(content) ? content : "malformed";
  } catch {
    return "malformed";
  }
}

/** What the request's cookies say about the page at `path`: forged, expired or garbled ones count as absent. */
export async function remember(rules, request, path) {
  const problems = [];
  const suffix = await scope(rules, path);
  const read = async (name, label, lifetime) => {
    const content = await believed(rules, request, name, lifetime);
    if (typeof content === "string") problems.push(`${label}:${content}`);
    return typeof content === "string" ? null : content;
  };
  const session = await read(rules.session_cookie, "session", rules.session_seconds);
  const firstTouch = await read(rules.first_cookie + suffix, "first_touch", rules.first_seconds);
  const lastTouch = await read(rules.last_cookie + suffix, "last_touch", rules.last_seconds);
  return {
    session_id: session && clean(session.id),
    first: firstTouch && touchOf(firstTouch),
    last: lastTouch && touchOf(lastTouch),
    problems,
  };
}

/** Content of the first cookie of that name that can be believed; else why the first could not; null without one. */
export async function believed(rules, request, name, lifetime) {
  let why = null;
  const values = request.cookies.filter(([sent, value]) => sent === name && value).slice(0, MOST_OF_A_NAME);
  for (const [, value] of values) {
    let content = await verify(rules, name, value);
    if (typeof content !== "string") {
      if (!Number.isInteger(content.at)) content = "malformed";
      else if (content.at > request.now + CLOCK_SKEW) content = "future";
      else if (content.at + lifetime <= request.now) content = "expired";
      else return content;
    }
    why ??= content;
  }
  return why;
}

/** The cookies to set, of a name the last; those of the host that hide the domain's own are ended with them. */
export function outgoing(rules, request, cookies) {
  const wanted = new Map(cookies.map((cookie) => [cookie.name, cookie]));
  const isTwice = (name) => request.cookies.filter(([sent]) => sent === name).length > 1;
  const hiding = [...wanted.keys()].filter((name) => rules.domain && isTwice(name));
  return [...wanted.values(), ...hiding.map((name) => setCookie(name, "", 0, true))];
}

/** Names and values of a Cookie header in its order, a name as often as it came. */
export function cookiePairs(header) {
  return header.split(";").slice(0, MOST_COOKIES).map((part) => {
    const at = part.indexOf("=");
    const [name, value] = at < 0 ? [part, ""] : [part.slice(0, at), part.slice(at + 1)];
    return [name.trim(), strip(value.trim(), '"')];
  });
}

/** The session's cookie, its lifetime starting anew. */
export async function sessionCookie(rules, sessionId, now) {
  const content = { at: Math.trunc(now), id: sessionId };
  return setCookie(rules.session_cookie, await sign(rules, rules.session_cookie, content), rules.session_seconds);
}

/** Cookie of the `first` or `last` touch, for the tenant of `path`. */
export async function touchCookie(rules, which, touch, path) {
  const name = rules[`${which}_cookie`] + (await scope(rules, path));
  return setCookie(name, await fitting(rules, name, touchContent(touch)), rules[`${which}_seconds`]);
}

/** Value of a cookie that carries a touch, shortened until a browser keeps it. */
export async function fitting(rules, name, touch) {
  const content = { ...touch };
  for (const dropped of ["", "referrer", "utm_content", "utm_term"]) {
    delete content[dropped];
    const value = await sign(rules, name, content);
    if (name.length + value.length <= LARGEST) return value;
  }
  const short = Object.entries(content).map(([key, text]) => [key, typeof text === "string" && key !== "id" ? first(text, 100) : text]);
  return sign(rules, name, Object.fromEntries(short));
}

async function signature(secret, name, body) {
  const key = await hmac(bytesOf(secret), bytesOf(`eventflow-capture:${name}`));
  return base64url(await hmac(key, bytesOf(body)));
}

function base64url(bytes) {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

// In a time that does not tell where they differ.
function sameText(one, other) {
  let difference = one.length ^ other.length;
  for (let i = 0; i < one.length; i++) difference |= one.charCodeAt(i) ^ other.charCodeAt(i);
  return difference === 0;
}
