// A query as it was sent: percent-encoded bytes, which need not be UTF-8. Older ad tools encode Korean as CP949; what
// can be read in neither keeps its percent form (N1: distinct stays distinct).

import { percentDecoded } from "./personal.js";

const MOST_FIELDS = 100;
const MOST_UNREADABLE = 4_096;
// What node's decoder, which knows EUC-KR alone, makes of bytes that it should refuse: they keep their percent form.
const UNASSIGNED = /[\x80-\x9f\ue000-\uf8ff]/;
// The web's name of CP949 is euc-kr.
const LABELS = { cp949: "euc-kr", ms949: "euc-kr", uhc: "euc-kr" };

/** Names and values of a query or a form, without its `?`, in its order; what is no UTF-8 as text in `otherEncoding`. */
export function queryPairs(raw, otherEncoding) {
  const fields = raw.split("&").slice(0, MOST_FIELDS).filter(Boolean);
  return fields.map((field) => {
    const at = field.indexOf("=");
    const [name, value] = at < 0 ? [field, ""] : [field.slice(0, at), field.slice(at + 1)];
    return [textOf(name, otherEncoding), textOf(value, otherEncoding)];
  });
}

/** Of every name the first value that is not blank. */
export function firstOfEach(pairs) {
  const found = new Map();
  for (const [name, value] of pairs) if (!(found.get(name) ?? "").trim()) found.set(name, value);
  return Object.fromEntries(found);
}

function textOf(encoded, otherEncoding) {
  const raw = percentDecoded(encoded.replaceAll("+", " "));
  for (const label of ["utf-8", otherEncoding && (LABELS[otherEncoding.toLowerCase()] ?? otherEncoding)]) {
    if (!label) continue;
    try {
      const text = new TextDecoder(label, { fatal: true, ignoreBOM: true }).decode(raw);
      if (label === "utf-8" || !UNASSIGNED.test(text)) return text;
    } catch {
      // No text in it, or an encoding this platform does not know.
    }
  }
  return Array.from(raw.subarray(0, MOST_UNREADABLE), (byte) =>
    /[A-Za-z0-9_.~ -]/.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`,
  ).join("");
}
