// Times from outside: an instant, or nothing. conformance/capture/times.json has the examples.

import { clean } from "./text.js";
import { strip } from "./text_parts.js";

const ISO =
  /^([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9])(?:\.([0-9]{1,9}))?)?(?:[Zz]|([+-])(0[0-9]|1[0-4])(?::?([0-5][0-9]))?)$/;
const NUMBER = /^[0-9]{1,13}(\.[0-9]+)?$/;
// Seconds reach this far in the year 5138: from here on it is milliseconds, as Date.now() gives.
const MILLISECONDS = 1e11;
// How far a supplied time may lie before and after the receipt, in seconds; anything else is a wrong clock.
const [BEFORE, AFTER] = [30 * 86_400, 300];

/** Seconds since 1970 (UTC) of ISO 8601 with its offset, or of a number of seconds or milliseconds; else null. */
export function instant(value) {
  if (typeof value === "string") {
    const text = strip(value, " ");
    const parts = ISO.exec(text);
    if (parts) return calendarInstant(parts);
    if (!NUMBER.test(text)) return null;
    value = Number(text);
  }
  if (typeof value !== "number" || !(value >= 0 && value < 1e13)) return null;
  return value >= MILLISECONDS ? value / 1000 : value;
}

function calendarInstant([, year, month, day, hour, minute, second = "0", fraction = "", sign, hours = "0", minutes = "0"]) {
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  // Such as 30 February.
  if (Number(year) < 1 || date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) return null;
  const offset = (sign === "-" ? -1 : 1) * (Number(hours) * 3600 + Number(minutes) * 60);
  const seconds = date.getTime() / 1000 + Number(hour) * 3600 + Number(minute) * 60 + Number(second) - offset;
  return (seconds * 1e6 + Number(fraction.slice(0, 6).padEnd(6, "0"))) / 1e6;
}

/** `instant` of a value if a clock near `now` (seconds since 1970) could have shown it, else null. */
export function near(value, now) {
  const found = instant(value);
  return found !== null && found - now >= -BEFORE && found - now <= AFTER ? found : null;
}

/** Is anything there under `name`, be it good or not? */
export function supplied(payload, name) {
  const value = payload[name] ?? null;
  return typeof value === "boolean" || (typeof value === "object" && value !== null) || clean(value) !== null;
}
