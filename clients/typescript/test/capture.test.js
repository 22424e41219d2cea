// The rules against conformance/capture and conformance/members.json, the same examples as the Python twin's.

import assert from "node:assert/strict";
import { createHash, webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { cookiePairs, scope, sign, verify } from "../capture/cookies.js";
import { md5, sha256 } from "../capture/digests.js";
import { arrive, captureRequest, captureRules, entry, isPage, setCookies, visit, withCookies } from "../capture/index.js";
import { normalizeUtm } from "../capture/normalization.js";
import { PERSONAL_MEMBER, personalKind, REDACTED_MEMBER } from "../capture/personal.js";
import { queryPairs } from "../capture/query.js";
import { instant, near } from "../capture/times.js";

// Node 18 has it under another name; Next.js brings it itself.
globalThis.crypto ??= webcrypto;

const load = (path) => JSON.parse(readFileSync(new URL(`../../../conformance/${path}`, import.meta.url), "utf8"));

async function names(rules, path) {
  const suffix = await scope(rules, path);
  return {
    session: rules.session_cookie,
    first_touch: rules.first_cookie + suffix,
    last_touch: rules.last_cookie + suffix,
    provisional: `${rules.provisional_cookie}_${(await sha256(path)).slice(0, 12)}`,
  };
}

// `label`, or `label@path of the page that set it`: as a browser would send them.
async function signed(rules, path, cookies) {
  const sent = [];
  for (const [label, content] of Object.entries(cookies)) {
    const [kind, ...other] = label.split("@");
    const name = (await names(rules, other.join("@") || path))[kind];
    sent.push([name, await sign(rules, name, content)]);
  }
  return sent;
}

for (const [file, rule] of Object.entries({ arrival: arrive, visit, entry })) {
  const vectors = load(`capture/${file}.json`);
  for (const given of vectors.cases) {
    test(`${file}: ${given.name}`, async () => {
      const rules = captureRules({ keys: vectors.keys, ...given.settings });
      const path = given.request.path ?? "/";
      const labels = await names(rules, path);
      const ours = await signed(rules, path, given.cookies);
      const value = (label) => ours.find(([name]) => name === labels[label])[1];
      const request = {
        now: vectors.now,
        new_session_id: vectors.new_session_id,
        new_event_id: vectors.new_event_id,
        path,
        query: given.request.query ?? queryPairs(given.request.raw_query ?? "", rules.other_encoding),
        cookies: given.raw_cookie
          ? cookiePairs(given.raw_cookie.replace(/\{(\w+)\}/g, (_, label) => value(label)))
          : [...ours, ...Object.entries(given.raw_cookies ?? {})],
        referrer: given.request.referrer ?? null,
        user_agent: given.request.user_agent ?? null,
        prefetch: given.request.prefetch ?? false,
      };
      const result = await rule(rules, request, given.payload);
      const { expected } = given;
      const labelOf = (cookie) => Object.keys(labels).find((label) => labels[label] === cookie.name);
      const set = {};
      for (const cookie of result.cookies.filter(({ max_age }) => max_age)) {
        set[labelOf(cookie)] = await verify(rules, cookie.name, cookie.value);
      }
      assert.deepEqual(set, expected.set);
      assert.deepEqual(result.cookies.filter(({ max_age }) => !max_age).map(labelOf), expected.ended ?? []);
      if (expected.problems) assert.deepEqual(result.log.cookie_problems, expected.problems);
      if (expected.rejected) assert.deepEqual(result.log.rejected, expected.rejected);
      if (file === "arrival") return;
      assert.deepEqual(result.fact, expected.fact);
      assert.deepEqual(result.earlier, expected.earlier ?? null);
      assert.deepEqual([...result.ignored].sort(), expected.ignored ?? []);
    });
  }
}

test("signed cookies, byte for byte", async () => {
  for (const given of load("capture/cookies.json").cases) {
    const rules = captureRules({ keys: given.keys });
    if (given.writes) assert.equal(await sign(rules, given.cookie, given.content), given.value, given.name);
    assert.deepEqual(await verify(rules, given.cookie, given.value), given.content, given.name);
  }
});

test("what looks personal", () => {
  for (const { value, kind } of load("capture/personal.json").cases) assert.equal(personalKind(value), kind, value);
});

test("times", () => {
  const { now, cases } = load("capture/times.json");
  for (const given of cases) {
    assert.equal(instant(given.value), given.instant, given.name);
    assert.equal(near(given.value, now) !== null, given.counts, given.name);
  }
});

test("members", () => {
  const { pattern, redacted, cases } = load("members.json");
  assert.deepEqual([PERSONAL_MEMBER, REDACTED_MEMBER], [pattern, redacted]);
  for (const { value, member } of cases) assert.equal(normalizeUtm(value), member, value);
});

test("MD5 of every length around its blocks", () => {
  for (let length = 0; length < 200; length++) {
    const text = "é한a".repeat(67).slice(0, length);
    assert.equal(md5(text), createHash("md5").update(text).digest("hex"));
  }
});

test("rules without keys are refused", () => {
  assert.throws(() => captureRules({}), /needs keys/);
});

test("a page by the web's own Request and Response", async () => {
  const rules = captureRules({ keys: ["vector-key-newest-0001"], domain: "events.example" });
  const headers = { cookie: "theme=dark; ef_session=forged", referer: "https://search.example/?q=me" };
  const page = new Request("https://events.example/spring?utm_source=%BA%BD", { headers });
  assert.equal(isPage(page), true);
  assert.equal(isPage(new Request(page, { headers: { "sec-fetch-dest": "image" } })), false);
  const request = captureRequest(rules, page);
  assert.deepEqual([request.path, request.query, request.prefetch], ["/spring", [["utm_source", "봄"]], false]);
  const arrival = await arrive(rules, request);
  assert.equal(arrival.last.referrer, "https://search.example");
  const seen = cookiePairs(withCookies(page, arrival.cookies).get("cookie"));
  assert.deepEqual(seen.map(([name]) => name), ["ef_session", "ef_first_touch", "ef_last_touch", "theme"]);
  const again = await arrive(rules, { ...request, cookies: seen, query: [] });
  assert.equal(again.session_id, arrival.session_id);
  const response = setCookies(rules, new Response("", { headers: { "cache-control": "public" } }), arrival.cookies);
  assert.equal(response.headers.get("cache-control"), "private, no-store");
  assert.match(response.headers.get("set-cookie"), /ef_session=.*; Max-Age=86400; Path=\/; HttpOnly; SameSite=Lax; Secure; Domain=events.example/);
  for (const [name, value] of [["sec-purpose", "prefetch;prerender"], ["next-router-prefetch", "1"]]) {
    assert.equal(captureRequest(rules, new Request(page, { headers: { [name]: value } })).prefetch, true);
  }
});
