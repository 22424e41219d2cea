/** Settings of capture, named as the Python rules and `EVENTFLOW_CAPTURE_*`; lifetimes are seconds. */
export interface CaptureRules {
  /** They sign the cookies, newest first: the first signs, all verify. */
  keys: readonly string[];
  session_cookie: string;
  first_cookie: string;
  last_cookie: string;
  provisional_cookie: string;
  session_seconds: number;
  first_seconds: number;
  last_seconds: number;
  /** How old a last touch may be and still attribute a fact. */
  trust_seconds: number;
  /** How many segments of the path name the tenant; 0: one tenant a host. */
  scope_segments: number;
  link_parameters: readonly string[];
  secure: boolean;
  domain: string | null;
  /** What a query is read in that is not UTF-8. */
  other_encoding: string | null;
  /** Of phone numbers that are stored with their national prefix. */
  country_code: string;
}

/** One HTTP request, and what the rules may not make themselves. `now` is seconds since 1970 (UTC). */
export interface CaptureRequest {
  now: number;
  /** Fresh UUIDs, used only where none was supplied. */
  new_session_id: string;
  new_event_id: string;
  path: string;
  /** Every pair in its order, a name as often as it came. */
  query: ReadonlyArray<readonly [string, string]>;
  cookies: ReadonlyArray<readonly [string, string]>;
  referrer: string | null;
  user_agent: string | null;
  prefetch: boolean;
}

export interface SetCookie {
  name: string;
  value: string;
  /** Seconds; 0 ends it. */
  max_age: number;
  /** That of the very host, where the rules name a domain. */
  host_only: boolean;
}

/** Where somebody came from: what is there of five UTM values, cid and link id. */
export type Attribution = Partial<
  Record<"utm_source" | "utm_medium" | "utm_campaign" | "utm_term" | "utm_content" | "cid" | "link_id", string>
>;

export interface Touch {
  attribution: Attribution;
  /** Seconds since 1970 (UTC). */
  at: number;
  referrer: string | null;
}

/** Session and touches after a page request, the cookies its response must set and the line to log. */
export interface Arrival {
  session_id: string | null;
  first: Touch | null;
  last: Touch | null;
  cookies: SetCookie[];
  log: Record<string, unknown>;
}

/** What a call comes to. */
export interface Outcome {
  session_id: string;
  first: Touch | null;
  last: Touch | null;
  /** The argument of `capture_visit` or `capture_entry`; null where a page fetched ahead calls: nobody has seen it. */
  fact: Record<string, unknown> | null;
  cookies: SetCookie[];
  log: Record<string, unknown>;
  /** Times that were supplied and count as not supplied; the answer says so. */
  ignored: string[];
  /** The visit of a page fetched ahead that an entry now shows to have been seen; it is stored as well. */
  earlier: Record<string, unknown> | null;
}

/** The defaults with what differs from them. */
export function captureRules(settings: Partial<CaptureRules> & Pick<CaptureRules, "keys">): CaptureRules;
/** A page request (S3). */
export function arrive(rules: CaptureRules, request: CaptureRequest): Promise<Arrival>;
/** A visit (S4). */
export function visit(rules: CaptureRules, request: CaptureRequest, payload: Record<string, unknown>): Promise<Outcome>;
/** A registration (S5). */
export function entry(rules: CaptureRules, request: CaptureRequest, payload: Record<string, unknown>): Promise<Outcome>;

/** The request as the rules see it, received now. */
export function captureRequest(rules: CaptureRules, request: Request): CaptureRequest;
/** Is it a request for a page, as a browser makes it? */
export function isPage(request: Request): boolean;
/** The request's headers with the cookies as they will be, so that what renders this very request knows the session. */
export function withCookies(request: Request, cookies: readonly SetCookie[]): Headers;
/** The response that leaves, a redirect included, with the cookies; kept by no cache. */
export function setCookies<R extends Response>(rules: CaptureRules, response: R, cookies: readonly SetCookie[]): R;
/** Value of the Set-Cookie header. */
export function cookieHeader(rules: CaptureRules, cookie: SetCookie): string;
export const UNCACHED: string;
