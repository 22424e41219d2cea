// Attribution of one arrival, and the arrival itself as the cookies remember it (S2).

import { LOOKED_AT, personalKind } from "./personal.js";
import { cidText, clean, utmText, uuidText } from "./text.js";

const UTM = ["utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"];
const FIELDS = [...UTM, "cid", "link_id"];

// The nearest to Python's casefold that there is.
const folded = (text) => text.toUpperCase().toLowerCase();

/**
 * What `supplied` says, each value normalized (N1), and what was rejected, as `field:why`. `personal` are form values of
 * the same call: a UTM value equal to one of them is a form value (S7).
 */
export function readAttribution(supplied, linkNames, personal = []) {
  const attribution = {};
  const rejected = [];
  const secrets = new Set(personal.map(folded));
  for (const name of [...UTM, "cid"]) {
    const value = (name === "cid" ? cidText : utmText)(supplied[name]);
    const text = value && (clean(supplied[name], LOOKED_AT) ?? value);
    const kind = text && (personalKind(text) ?? (secrets.has(folded(text)) ? "form" : null));
    if (kind) rejected.push(`${name}:${kind}`);
    else if (value) attribution[name] = value;
  }
  const link = linkNames.map((name) => clean(supplied[name])).find((found) => found !== null);
  const identifier = link && uuidText(link);
  if (identifier) attribution.link_id = identifier;
  else if (link) rejected.push("link_id:malformed");
  return { attribution, rejected };
}

/** Does it say anything? */
export const isSome = (attribution) => Object.keys(attribution).length > 0;

/** True when `whole` says everything that `part` says: then both may be one arrival. */
export const agrees = (part, whole) => Object.entries(part).every(([name, value]) => whole[name] === value);

/** The touch as the JSON object its cookie carries. */
export function touchContent(touch) {
  return { at: touch.at, ...touch.attribution, ...(touch.referrer ? { referrer: touch.referrer } : {}) };
}

/** The touch of a cookie's content; null when it is not one. */
export function touchOf(content) {
  if (!Number.isInteger(content.at)) return null;
  const known = FIELDS.filter((name) => typeof content[name] === "string").map((name) => [name, content[name]]);
  return {
    attribution: Object.fromEntries(known),
    at: content.at,
    referrer: typeof content.referrer === "string" ? content.referrer : null,
  };
}
