// Normalized text (N1, A5): what a UTM value, a session id or a cid is compared and counted as.

import { bytesOf, md5 } from "./digests.js";
import { isPersonalMember, REDACTED_MEMBER } from "./personal.js";
import { first, isLonger, strip } from "./text_parts.js";

/** What is stripped at both ends: blanks, and what is invisible. */
export const BLANKS = " \t\n\r\f\v\u00a0\u00ad\u200b\u2060\u3000\ufeff";
/** Longest text that is a key as it is, and longest cid that can match, in code points. */
export const LONGEST = 200;
const KEPT = 160;
// Characters with a combining class, more in a row than any text has; a test compares them with Python's.
export { MARKS };
const MARKS = [
  String.raw`\u0300-\u036F\u0483-\u0487\u0591-\u05C7\u0610-\u061A\u064B-\u065F\u0670\u06D6-\u06E4\u06E7-\u06ED\u0711`,
  String.raw`\u0730-\u074A\u07EB-\u07F3\u07FD\u0816-\u0819\u081B-\u0823\u0825-\u0827\u0829-\u082D\u0859-\u085B`,
  String.raw`\u0897-\u089F\u08CA-\u08FF\u093C\u094D\u0951-\u0954\u09BC\u09CD\u09FE\u0A3C-\u0A4D\u0ABC\u0ACD\u0B3C`,
  String.raw`\u0B4D\u0BCD\u0C3C\u0C4D-\u0C56\u0CBC\u0CCD\u0D3B-\u0D3C\u0D4D\u0DCA\u0E38-\u0E3A\u0E48-\u0E4B`,
  String.raw`\u0EB8-\u0EBA\u0EC8-\u0ECB\u0F18-\u0F19\u0F35-\u0F39\u0F71-\u0F87\u0FC6\u1037-\u103A\u108D\u135D-\u135F`,
  String.raw`\u1714-\u1715\u1734\u17D2\u17DD\u18A9\u1939-\u193B\u1A17-\u1A18\u1A60-\u1A7F\u1AB0-\u1ACE\u1B34-\u1B44`,
  String.raw`\u1B6B-\u1B73\u1BAA-\u1BAB\u1BE6-\u1BF3\u1C37\u1CD0-\u1CE8\u1CED\u1CF4\u1CF8-\u1CF9\u1DC0-\u1DFF`,
  String.raw`\u20D0-\u20F0\u2CEF-\u2CF1\u2D7F\u2DE0-\u2DFF\u302A-\u302F\u3099-\u309A\uA66F-\uA67D\uA69E-\uA69F`,
  String.raw`\uA6F0-\uA6F1\uA806\uA82C\uA8C4\uA8E0-\uA8F1\uA92B-\uA92D\uA953\uA9B3-\uA9C0\uAAB0\uAAB2-\uAAB4`,
  String.raw`\uAAB7-\uAAB8\uAABE-\uAABF\uAAC1\uAAF6\uABED\uFB1E\uFE20-\uFE2F\u{101FD}-\u{1E94A}`,
].join("");
const ENDLESS_MARKS = new RegExp(`[${MARKS}]{31}`, "u");

/** `text` in Unicode NFC without blanks at its ends; null when nothing is left. Case stays. */
export function normalizeText(text) {
  // Putting endless marks in order takes the square of their number: they stay in the form they came in.
  if (bytesOf(text).length <= LONGEST || !ENDLESS_MARKS.test(text)) text = text.normalize("NFC");
  return strip(text, BLANKS) || null;
}

/** A session id; above 200 code points its digest. */
export const normalizeSession = (text) => shortened(normalizeText(text));

/** A UTM value: lower case; what looks personal is one member (A5), and above 200 code points it is its digest. */
export function normalizeUtm(text) {
  const normal = normalizeText(text)?.toLowerCase() || null;
  return normal && isPersonalMember(normal) ? REDACTED_MEMBER : shortened(normal);
}

/** A cid: upper case. One of more than 200 characters is supplied and matches nothing. */
export const normalizeCid = (text) => normalizeText(text)?.toUpperCase() ?? null;

// Its first 160 code points, an ellipsis and the MD5 of all of it (UTF-8): distinct stays distinct.
function shortened(text) {
  return text === null || !isLonger(text, LONGEST) ? text : `${first(text, KEPT)}…${md5(text)}`;
}
