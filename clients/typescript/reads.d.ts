import type { Answers, Arguments } from "./answers.js";

export type * from "./answers.js";

/** A read that Postgres or PostgREST refused. */
export class ReadError extends Error {
  /** SQLSTATE, such as 42501 or ST002: docs/reads.md lists them. */
  readonly code: string | null;
  /** What to do. */
  readonly hint: string | null;
  readonly details: string | null;
  /** Of HTTP. */
  readonly status: number | null;
}

/** Asks one reading function of `stats_api`, which PostgREST must expose, by its name there. */
export type Read = <F extends keyof Answers>(
  name: F,
  args: Arguments[F],
  options?: { signal?: AbortSignal },
) => Promise<Answers[F]>;

/** `answers` of ./zod.js, to check every answer. */
export type Checks = { readonly [F in keyof Answers]: { parse(answer: unknown): Answers[F] } };

export function readsByFetch(options: {
  /** PostgREST's address; Supabase: `https://….supabase.co/rest/v1`. */
  url: string;
  apikey?: string;
  /** The caller's JWT, or what gives the newest. */
  token?: string | (() => string | Promise<string>);
  answers?: Checks;
  fetch?: typeof globalThis.fetch;
}): Read;

/** What is used of a client of supabase-js. */
export interface SupabaseLike {
  schema(name: string): { rpc(name: string, args: object): any };
}

export function readsBySupabase(client: SupabaseLike, options?: { answers?: Checks }): Read;
