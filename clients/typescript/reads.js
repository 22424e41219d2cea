// Asks the reading functions of the schema stats_api over PostgREST: by fetch, or by a client of supabase-js that is there
// already.

import { FUNCTIONS } from "./functions.js";

/** A read that Postgres or PostgREST refused. `code` is the SQLSTATE (docs/reads.md lists them), `hint` what to do. */
export class ReadError extends Error {
  constructor({ message, code, hint, details, status }) {
    super(message);
    this.name = "ReadError";
    Object.assign(this, { code: code ?? null, hint: hint ?? null, details: details ?? null, status: status ?? null });
  }
}

/** `read(function, arguments)` over fetch. `url` is PostgREST's (Supabase: `https://….supabase.co/rest/v1`). */
export function readsByFetch({ url, apikey, token, answers, fetch: send = globalThis.fetch }) {
  return async (name, args, { signal } = {}) => {
    known(name);
    const bearer = typeof token === "function" ? await token() : token;
    const response = await send(`${url.replace(/\/+$/, "")}/rpc/${name}`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/json",
        "content-profile": "stats_api",
        ...(apikey ? { apikey } : {}),
        ...(bearer ? { authorization: `Bearer ${bearer}` } : {}),
      },
      body: JSON.stringify(args),
      signal,
    });
    const body = await response.json().catch(() => null);
    if (!response.ok) throw new ReadError({ message: `HTTP ${response.status}`, ...body, status: response.status });
    return believed(name, body, answers);
  };
}

/** `read(function, arguments)` by a client of supabase-js, with its session. */
export function readsBySupabase(client, { answers } = {}) {
  return async (name, args, { signal } = {}) => {
    known(name);
    const asked = client.schema("stats_api").rpc(name, args);
    const { data, error, status } = await (signal ? asked.abortSignal(signal) : asked);
    if (error) throw new ReadError({ ...error, status });
    return believed(name, data, answers);
  };
}

function known(name) {
  if (!FUNCTIONS.includes(name)) throw new TypeError(`There is no reading function ${name}; there are ${FUNCTIONS.join(", ")}.`);
}

// With `answers` of ./zod.js every answer is checked: another version of the database is an error, not an odd screen.
const believed = (name, body, answers) => (answers ? answers[name].parse(body) : body);
