// Text from outside: normalized (N1), never longer than what is kept, and refused where it looks personal (S7).

import { BLANKS, LONGEST, normalizeCid, normalizeSession, normalizeText, normalizeUtm } from "./normalization.js";
import { personalKind } from "./personal.js";
import { first, isLonger, strip } from "./text_parts.js";

const LONGEST_VALUE = 8_192;
const LONGEST_HOST = 253;
const UNSTORABLE = /[\x00-\x08\x0e-\x1f\x7f]|\p{Surrogate}/gu;
const UUID = /^[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}$/;

// Numbers read as their digits; all that is neither text nor number is not supplied.
function textOf(value) {
  if (typeof value !== "string" && typeof value !== "number") return "";
  return first(String(value), LONGEST_VALUE).replace(UNSTORABLE, "");
}

/** Normalized text (N1), its first `cap` characters; null when nothing is left. */
export function clean(value, cap = LONGEST) {
  const text = normalizeText(first(textOf(value), 4 * cap)) ?? "";
  return strip(first(text, cap), BLANKS) || null;
}

/** A session id or another id that is text (N1). */
export const sessionText = (value) => normalizeSession(textOf(value));

/** A UTM value (N1). */
export const utmText = (value) => normalizeUtm(textOf(value));

/** A cid (N1). One that is too long to match is kept long enough not to, and no longer. */
export function cidText(value) {
  const code = normalizeCid(textOf(value));
  if (code === null || !isLonger(code, LONGEST)) return code;
  return `${first(normalizeText(textOf(value)) ?? "", LONGEST)}…`;
}

/** `value` as a UUID in its usual form, or null. */
export function uuidText(value) {
  const text = strip((clean(value) ?? "").toLowerCase(), "{}");
  if (!UUID.test(text)) return null;
  const bare = text.replaceAll("-", "");
  return [bare.slice(0, 8), bare.slice(8, 12), bare.slice(12, 16), bare.slice(16, 20), bare.slice(20)].join("-");
}

/** Of a referrer only `scheme://host` (S7); null when it has none. */
export function origin(value) {
  const text = clean(value, 2_000);
  const parts = text === null ? null : splitUrl(text);
  // A port that is no number: it is a password with a slash, and the host before it is a user's name.
  if (!parts?.scheme || !parts.host || !parts.isPort) return null;
  const host = first(parts.host, LONGEST_HOST);
  return personalKind(host) ? null : `${parts.scheme}://${host}`;
}

/** Path of a page or name of a route, without query and fragment; null when it looks personal. */
export function surface(value) {
  let text = clean(value, 2_000);
  if (text === null) return null;
  if (/^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(text)) {
    const parts = splitUrl(text);
    if (parts === null) return null;
    text = parts.path || "/";
  }
  text = first(text.split(/[?#;]/, 1)[0], LONGEST);
  return !text || personalKind(text) ? null : text;
}

// Not `new URL`, which repairs what is no URL and spells hosts in punycode: read as Python's urlsplit does.
function splitUrl(text) {
  let rest = text.replace(/^[\0-\x20]+/, "").replace(/[\t\r\n]/g, "");
  const named = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(rest);
  const scheme = named ? named[1].toLowerCase() : "";
  if (named) rest = rest.slice(named[0].length);
  let authority = "";
  if (rest.startsWith("//")) {
    authority = rest.slice(2).split(/[/?#]/, 1)[0];
    rest = rest.slice(2 + authority.length);
  }
  if (authority.includes("[") !== authority.includes("]")) return null;
  // What becomes a separator once a browser has normalized it would hide a host.
  if (/[/?#@:]/.test(authority.replace(/[@:#?]/g, "").normalize("NFKC"))) return null;
  const place = authority.slice(authority.lastIndexOf("@") + 1);
  const bracketed = place.indexOf("[");
  const [host, port] =
    bracketed < 0 ? cut(place, ":") : [cut(place.slice(bracketed + 1), "]")[0], cut(cut(place, "]")[1], ":")[1]];
  // Of an IPv6 address the zone, behind its percent sign, keeps its case.
  const [name] = cut(host, "%");
  return {
    scheme,
    host: name.toLowerCase() + host.slice(name.length),
    isPort: !port || (/^[0-9]+$/.test(port) && Number(port) <= 65_535),
    path: rest.split(/[?#]/, 1)[0],
  };
}

function cut(text, separator) {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + separator.length)];
}

const FAMILIES = [
  ["edge", "edg"],
  ["kakaotalk", "kakaotalk"],
  ["naver", "naver("],
  ["samsung", "samsungbrowser"],
  ["firefox", "firefox"],
  ["chrome", "chrome"],
  ["safari", "safari"],
];

/** A user agent as `family/device` (S7), such as `chrome/mobile`; the raw header is kept nowhere. */
export function summarizeUserAgent(value) {
  const agent = (clean(value, 1_000) ?? "").toLowerCase();
  if (!agent) return null;
  if (/bot|crawl|spider|preview|slurp|facebookexternalhit|headless/.test(agent)) return "bot";
  const family = FAMILIES.find(([, mark]) => agent.includes(mark))?.[0] ?? "other";
  const device = /ipad|tablet/.test(agent) ? "tablet" : agent.includes("mobi") ? "mobile" : "desktop";
  return `${family}/${device}`;
}
