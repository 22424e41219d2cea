// Texts by code points, as Python and Postgres count them: a part never ends within a character.

/** The first `count` code points. */
export function first(text, count) {
  if (text.length <= count) return text;
  let end = 0;
  for (let n = 0; n < count && end < text.length; n++) end += text.codePointAt(end) > 0xffff ? 2 : 1;
  return text.slice(0, end);
}

/** Has it more than `count` code points? */
export const isLonger = (text, count) => text.length > count && first(text, count).length < text.length;

/** Without the characters of `stripped` (of the basic plane) at both ends. */
export function strip(text, stripped) {
  let [start, end] = [0, text.length];
  while (start < end && stripped.includes(text[start])) start++;
  while (end > start && stripped.includes(text[end - 1])) end--;
  return text.slice(start, end);
}
