// What personal data looks like (S7). The patterns are those of eventflow_pipeline/domain/personal_data.py, to the letter;
// a test compares them. `\s` there is ASCII's, so `ascii` writes it out.

import { first } from "./text_parts.js";

/** A normalized UTM value in which this is found counts as `REDACTED_MEMBER` (A5). */
export const PERSONAL_MEMBER = String.raw`[a-z0-9_.+-](@|%40)[a-z0-9-]{1,63}[.][a-z0-9-]|(^|[^0-9])01[016789][ .-]?[0-9]{3,4}[ .-]?[0-9]{4}($|[^0-9])|(^|[^0-9])0[2-6][0-9]?-[0-9]{3,4}-[0-9]{4}($|[^0-9])|(^|[^0-9a-z])[+][0-9]{1,3}[ .()-]{1,2}[0-9]{1,4}([ .()-]{1,2}[0-9]{2,4}){1,4}($|[^0-9])|(^|[^0-9a-z])[+][1-9][0-9]{9,14}($|[^0-9])`;
export const REDACTED_MEMBER = "(redacted)";
/** What capture refuses, by kind, in the order in which they are tried. */
export const REFUSED = {
  email: String.raw`[^\s@](?:@|%40|\s?[(\[]at[)\]]\s?)[^\s@]`,
  phone: [
    String.raw`(?<!\d)01[016789][\s._/\u2010-\u2015\u2212-]?\d{3,4}[\s._/\u2010-\u2015\u2212-]?\d{4}(?!\d)`,
    String.raw`(?<![\da-z])\+\d[\s\d().-]{6,16}\d(?![\da-z])`,
    String.raw`(?<![\da-z])82[\s.-]?10[\s.-]?\d{3,4}[\s.-]?\d{4}(?![\da-z])`,
    String.raw`(?<![\da-z])\(?0\d{1,2}\)?[\s.-]?\d{3,4}[\s.-]?\d{4}(?![\da-z])`,
    String.raw`(?<![\da-z])\(?\d{2,3}\)?[\s.-]\d{3,4}[\s.-]\d{4}(?![\da-z])`,
    String.raw`(?<![\w+.-])(?:(?:\+?82[-. ]?|0)1[016789][-. ]?\d{3,4}[-. ]?\d{4}|0\d{1,2}[-. ]\d{3,4}[-. ]\d{4}|\+\d{1,3}[-. ]?\(?\d{1,4}\)?(?:[-. ]?\d{2,4}){2,3})(?![\w-])`,
  ].join("|"),
  name: String.raw`(?:^|[^a-z])(?:(?:first|last|full|user|sur|given|family|real|nick)[\s_-]?)?name\s{0,8}[=:]|(?:이름|성명|성함)\s{0,8}[=:]|[{%\[<*|][\sa-z_.-]{0,40}(?:name|e-?mail|phone|tel|mobile)\s{0,8}[}%\]>*|]`,
};
/** How many characters of a captured value are looked at: more than is ever kept of it. */
export const LOOKED_AT = 256;

/** A pattern as Python reads it with re.ASCII: without the flag u, i folds ASCII alone for patterns that are ASCII. */
function ascii(pattern) {
  let inClass = false;
  const written = pattern.replace(/\\.|\[|\]/g, (part) => {
    if (part === "\\s") return inClass ? " \\t\\n\\r\\f\\v" : "[ \\t\\n\\r\\f\\v]";
    if (part === "[") inClass = true;
    if (part === "]") inClass = false;
    return part;
  });
  return new RegExp(written, "i");
}

const KINDS = Object.entries(REFUSED).map(([kind, pattern]) => [kind, ascii(pattern)]);
const INVISIBLE = /[\u00ad\u200b\u200c\u200d\u2060\ufeff]/g;
const MEMBER = new RegExp(PERSONAL_MEMBER);
const NUMBER = /^[0-9 +().-]{9,24}$/;
const lenient = new TextDecoder("utf-8", { ignoreBOM: true });

/** Is a normalized UTM value the member `REDACTED_MEMBER`? */
export const isPersonalMember = (normal) => MEMBER.test(normal);

/** `email`, `phone` or `name` when the text looks like one, decoded as often as a link may encode it; else null. */
export function personalKind(text) {
  let seen = first(text, LOOKED_AT);
  for (let round = 0; round < 3; round++) {
    // No more where one character stands for many.
    const folded = first(seen.normalize("NFKC"), LOOKED_AT).replace(INVISIBLE, "");
    for (const [kind, pattern] of KINDS) if (pattern.test(folded)) return kind;
    const decoded = unquotePlus(seen);
    if (decoded === seen) return null;
    seen = decoded;
  }
  return null;
}

/** Is a session id an e-mail address, or as a whole a phone number? Digits inside of a random id are neither. */
export function namesAPerson(sessionId) {
  const kind = personalKind(sessionId);
  return kind === "email" || (kind === "phone" && NUMBER.test(sessionId));
}

function unquotePlus(text) {
  const spaced = text.replaceAll("+", " ");
  // Bytes of one run of ASCII are decoded together: what stands between two runs is text already.
  return spaced.replace(/[\0-\x7f]*%[\0-\x7f]*/g, (run) => lenient.decode(percentDecoded(run)));
}

/** The bytes that a text in percent form stands for; a sign that begins no such form stays. */
export function percentDecoded(text) {
  const raw = new TextEncoder().encode(text);
  const out = new Uint8Array(raw.length);
  let length = 0;
  for (let i = 0; i < raw.length; i++) {
    const pair = raw[i] === 0x25 ? String.fromCharCode(raw[i + 1] ?? 0, raw[i + 2] ?? 0) : "";
    if (/^[0-9a-fA-F]{2}$/.test(pair)) {
      out[length++] = parseInt(pair, 16);
      i += 2;
    } else {
      out[length++] = raw[i];
    }
  }
  return out.subarray(0, length);
}
