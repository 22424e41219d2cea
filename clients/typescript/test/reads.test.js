// The wrapper, and whether what is generated is of the schemas as they are.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { FUNCTIONS } from "../functions.js";
import { generated } from "../generate.js";
import { ReadError, readsByFetch, readsBySupabase } from "../reads.js";

const zod = await import("../zod.js").catch(() => null);
const SNAPSHOTS = new URL("../../../eventflow_pipeline_tests/warehouse/schema/__snapshots__/test_stats_api/", import.meta.url);
const ASKED = { p_client_id: null, p_from_date: "2024-03-01", p_to_date: "2024-03-03" };

test("what is generated is of the schemas as they are", () => {
  for (const [name, content] of Object.entries(generated())) {
    const kept = readFileSync(new URL(`../${name}`, import.meta.url), "utf8");
    assert.ok(kept === content, `${name} is behind clients/schemas/stats_api: run node generate.js in clients/typescript`);
  }
});

function answering(status, body) {
  const calls = [];
  const fetch = async (url, options) => {
    calls.push({ url, ...options });
    return new Response(JSON.stringify(body), { status });
  };
  return { calls, fetch };
}

test("fetch: one call, as PostgREST wants it", async () => {
  const { calls, fetch } = answering(200, { links: [] });
  const read = readsByFetch({ url: "https://db.example/rest/v1/", apikey: "anon", token: async () => "jwt", fetch });
  assert.deepEqual(await read("get_link_stats", ASKED), { links: [] });
  assert.deepEqual(calls.map(({ url }) => url), ["https://db.example/rest/v1/rpc/get_link_stats"]);
  assert.deepEqual([calls[0].method, JSON.parse(calls[0].body)], ["POST", ASKED]);
  assert.deepEqual([calls[0].headers.apikey, calls[0].headers.authorization], ["anon", "Bearer jwt"]);
  assert.equal(calls[0].headers["content-profile"], "stats_api");
});

test("fetch: a refusal is one error with its code", async () => {
  const { fetch } = answering(403, { code: "42501", message: "you may not see this client", hint: "Ask for yours.", details: null });
  const failed = await readsByFetch({ url: "https://db.example", fetch })("get_link_stats", ASKED).catch((error) => error);
  assert.ok(failed instanceof ReadError);
  assert.deepEqual([failed.code, failed.status, failed.message], ["42501", 403, "you may not see this client"]);
  const noJson = async () => new Response("<html>", { status: 502 });
  await assert.rejects(readsByFetch({ url: "https://db.example", fetch: noJson })("get_link_stats", ASKED), /HTTP 502/);
});

test("supabase-js: its own session, and its error as ours", async () => {
  const rpc = async (name, args) => (name === "get_link_stats" ? { data: args, error: null } : { data: null, error: { code: "ST002", message: "reversed" }, status: 400 });
  const read = readsBySupabase({ schema: (name) => (name === "stats_api" ? { rpc } : {}) });
  assert.deepEqual(await read("get_link_stats", ASKED), ASKED);
  await assert.rejects(read("get_data_quality", ASKED), (error) => error instanceof ReadError && error.code === "ST002");
});

test("a function that there is not is named", async () => {
  await assert.rejects(readsByFetch({ url: "https://db.example" })("get_everything", {}), /There is no reading function get_everything/);
});

test("zod takes real answers, and nothing else", { skip: zod ? false : "zod is not installed: npm ci in clients/typescript" }, async () => {
  let seen = 0;
  for (const file of readdirSync(SNAPSHOTS)) {
    const name = /(get|list)_\w+/.exec(file)[0];
    const answer = JSON.parse(readFileSync(new URL(file, SNAPSHOTS), "utf8"));
    assert.deepEqual(zod.answers[name].parse(answer), answer, file);
    assert.equal(zod.answers[name].safeParse({ ...answer, unheard_of: 1 }).success, false);
    const { from, ...less } = answer;
    assert.equal(zod.answers[name].safeParse(less).success, false);
    seen++;
  }
  assert.equal(seen, FUNCTIONS.length);
  const { fetch } = answering(200, { links: [] });
  await assert.rejects(readsByFetch({ url: "https://db.example", fetch, answers: zod.answers })("get_link_stats", ASKED));
});
