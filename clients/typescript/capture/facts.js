// The two calls that make facts: a visit (S4) and a registration (S5).

import { touched } from "./arrival.js";
import { CLOCK_SKEW, outgoing, remember, sessionCookie } from "./cookies.js";
import { md5 } from "./digests.js";
import { LOOKED_AT, namesAPerson } from "./personal.js";
import { keep, shown } from "./provisional.js";
import { clean, origin, sessionText, summarizeUserAgent, surface, uuidText } from "./text.js";
import { near, supplied as isSupplied } from "./times.js";
import { agrees, isSome, readAttribution, touchContent } from "./touch.js";

// The form's own columns: handed on as they are, stored in the entry alone, never logged (S7).
const REGISTRATION_FIELDS = [
  "client_id",
  "agency_id",
  "name",
  "company",
  "phone_norm",
  "code6",
  "survey_no",
  "consent_data",
  "registration_data",
  "completed_at",
];
const NUMBER = /^[\p{Nd}\s+\uff0b().\-\u2013/]+$/u;
// Form values that must not reappear as UTM.
const IDENTIFYING = ["name", "phone", "phone_norm", "email"];

/**
 * S4: the payload's session, else the cookie's; UTM of the payload, blanks filled from a trusted last touch. A payload
 * that names attribution other than the last touch is an arrival the middleware did not see: the touches follow it.
 */
export async function visit(rules, request, payload) {
  const page = surface(payload.surface);
  const { known, ahead, seen } = await seenBy(rules, request, page);
  const session = sessionOf(request, payload, known);
  const { attribution: supplied, rejected } = readAttribution(payload, rules.link_parameters);
  let referrer = origin(payload.referrer);
  const { attribution, source } = attributed(rules, request.now, supplied, known.last);
  let [first, last, cookies] = [known.first, known.last, []];
  if (isSome(supplied) && !(known.last && agrees(supplied, known.last.attribution))) {
    ({ first, last, cookies } = await touched(rules, request, page ?? request.path, known, supplied, referrer));
  }
  if (referrer === null && source === "last_touch") referrer = known.last.referrer;
  const fact = present({
    ...common(request, payload, session, attribution, page, first),
    webinar_id: uuidText(payload.webinar_id),
    referrer,
    user_agent: summarizeUserAgent(request.user_agent),
  });
  const log = logOf("visit", fact, session, source, known, rejected);
  const ignored = ignoredOf(payload);
  if (request.prefetch) {
    const kept = isSome(supplied) || !ahead ? supplied : ahead.touch.attribution;
    const touch = { attribution: kept, at: Math.trunc(request.now), referrer };
    const provisional = page ? [await keep(rules, page, { session_id: session.id, touch, visit: fact })] : [];
    return { session_id: session.id, first: known.first, last: known.last, fact: null, cookies: provisional, log, ignored, earlier: null };
  }
  if (ahead?.visit.event_id && sessionText(payload.event_id) === null) fact.event_id = ahead.visit.event_id;
  const all = [await sessionCookie(rules, session.id, request.now), ...seen, ...cookies];
  return { session_id: session.id, first, last, fact, cookies: outgoing(rules, request, all), log, ignored, earlier: null };
}

/**
 * S5: as a visit, and session_id always goes to the entry. A form is no arrival: touches stay as they are. Whoever sends
 * one is there, whatever the browser says of the page: a registration is never provisional.
 */
export async function entry(rules, request, payload) {
  const page = surface(payload.surface);
  const { known, ahead, seen } = await seenBy(rules, request, page);
  const session = sessionOf(request, payload, known);
  const form = isObject(payload.registration_data) ? payload.registration_data : {};
  const named = clean(payload.cid) === null ? { ...payload, cid: form.cid } : payload;
  const { attribution: supplied, rejected } = readAttribution(named, rules.link_parameters, formValues(payload, form));
  const { attribution, source } = attributed(rules, request.now, supplied, known.last);
  let referrer = origin(payload.referrer);
  if (referrer === null && source === "last_touch") referrer = known.last.referrer;
  const isCompleted = near(payload.completed_at, request.now) !== null;
  const own = REGISTRATION_FIELDS.filter((name) => isCompleted || name !== "completed_at");
  const fact = present({
    ...Object.fromEntries(own.map((name) => [name, payload[name]])),
    ...common(request, payload, session, attribution, page, known.first),
    client_id: uuidText(payload.client_id),
    agency_id: uuidText(payload.agency_id),
    phone_norm: phone(payload, rules.country_code),
    utm_referrer: referrer,
    utm_first_visit_at: known.first?.at,
  });
  const all = [await sessionCookie(rules, session.id, request.now), ...seen];
  return {
    session_id: session.id,
    first: known.first,
    last: known.last,
    fact,
    cookies: outgoing(rules, request, all),
    log: logOf("entry", fact, session, source, known, rejected),
    ignored: ignoredOf(payload, ...(isCompleted ? [] : ["completed_at"])),
    earlier: earlierVisit(rules, request, ahead, session, known, page),
  };
}

// What is known once somebody is seen on the page that calls: if it was fetched ahead, its arrival counts now.
async function seenBy(rules, request, page) {
  const known = await remember(rules, request, page ?? request.path);
  // A call names its page; the browser does, too.
  const { ahead, ended } = await shown(rules, request, page ?? surface(request.referrer));
  if (ahead === null) return { known, ahead, seen: ended };
  const session_id = known.session_id ?? ahead.session_id;
  if (request.prefetch) return { known: { ...known, session_id }, ahead, seen: [] };
  const { attribution, referrer, at } = ahead.touch;
  const { first, last, cookies } = await touched(rules, request, page ?? request.path, known, attribution, referrer, at);
  return { known: { ...known, session_id, first, last }, ahead, seen: [...ended, ...cookies] };
}

// The visit of a page fetched ahead whose form was sent: nothing else had said that it was shown.
function earlierVisit(rules, request, ahead, session, known, page) {
  if (!ahead?.visit.event_id) return null;
  const { attribution } = attributed(rules, request.now, ahead.touch.attribution, known.last);
  return present({
    ...ahead.visit,
    session_id: session.id,
    ...attribution,
    occurred_at: ahead.touch.at,
    surface: page,
    first_touch: known.first && touchContent(known.first),
    referrer: ahead.touch.referrer,
    user_agent: summarizeUserAgent(request.user_agent),
  });
}

// A UUID as it is, other text by its MD5 within the campaign or webinar, so that a repeat is the same.
function eventId(value, fresh, target) {
  const identifier = uuidText(value);
  if (identifier !== null) return identifier;
  const text = sessionText(value);
  return text === null ? fresh : uuidText(md5(`${target ?? ""}:${text}`));
}

function sessionOf(request, payload, known) {
  const supplied = sessionText(payload.session_id);
  if (supplied && !namesAPerson(clean(payload.session_id, LOOKED_AT) ?? "")) return { id: supplied, from: "payload" };
  if (known.session_id) return { id: known.session_id, from: "cookie" };
  return { id: request.new_session_id, from: "new" };
}

// One arrival's attribution: what was supplied, or the last touch that says all of it and more. Never a mixture.
function attributed(rules, now, supplied, last) {
  const isTrusted = last && now - last.at >= -CLOCK_SKEW && now - last.at <= rules.trust_seconds;
  if (isTrusted && isSome(last.attribution) && agrees(supplied, last.attribution)) {
    return { attribution: last.attribution, source: agrees(last.attribution, supplied) ? "supplied" : "last_touch" };
  }
  return { attribution: supplied, source: isSome(supplied) ? "supplied" : "none" };
}

function common(request, payload, session, attribution, page, first) {
  const campaign = uuidText(payload.campaign_id);
  return {
    event_id: eventId(payload.event_id, request.new_event_id, campaign ?? uuidText(payload.webinar_id)),
    campaign_id: campaign,
    session_id: session.id,
    ...attribution,
    occurred_at: Math.round(request.now * 1e6) / 1e6,
    surface: page,
    first_touch: first && touchContent(first),
  };
}

// Times that count as not supplied: what is malformed, and occurred_at, because the server's own clock counts.
const ignoredOf = (payload, ...malformed) => [...malformed, "occurred_at"].filter((name) => isSupplied(payload, name));

const present = (fact) => Object.fromEntries(Object.entries(fact).filter(([, value]) => value !== null && value !== undefined));

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

function formValues(payload, form) {
  const found = [payload, form].flatMap((place) => IDENTIFYING.map((name) => clean(place[name], LOOKED_AT)));
  return found.filter((text) => text !== null && [...text].length > 1);
}

// One person's number in one spelling, as dialled in the country. A phone_norm written like no number stays as it is.
function phone(payload, countryCode) {
  let given = clean(payload.phone_norm);
  if (given && !NUMBER.test(given)) return given;
  given = given ?? clean(payload.phone) ?? "";
  const digits = Array.from(given).filter((ch) => /\p{Nd}/u.test(ch)).map(digitOf).join("");
  const bare = digits.startsWith("00") ? digits.slice(2) : digits;
  const isAbroad = /^[+\uff0b]/.test(given) || bare !== digits || (digits.length >= 11 && !digits.startsWith("0"));
  if (isAbroad && bare.startsWith(countryCode)) return `0${bare.slice(countryCode.length).replace(/^0+/, "")}`;
  return digits || null;
}

// Decimal digits of every script stand in rows of ten, from zero on.
function digitOf(ch) {
  let zero = ch.codePointAt(0);
  while (/\p{Nd}/u.test(String.fromCodePoint(zero - 1))) zero--;
  return (ch.codePointAt(0) - zero) % 10;
}

// What may be logged of a call: ids that name no person, where things came from, never a value (S7).
function logOf(kind, fact, session, source, known, rejected) {
  return {
    fact: kind,
    event_id: fact.event_id,
    campaign_id: fact.campaign_id ?? null,
    session_from: session.from,
    attribution: source,
    cookie_problems: known.problems,
    rejected,
  };
}
