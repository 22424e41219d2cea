// The rules of capture (S1 to S7), twin of eventflow_pipeline/capture: cookies, request and payload in; session, touches,
// the fact to store, the cookies to set and the log line out. No I/O, no clock, no randomness, but for what is in web.js.

export { arrive } from "./arrival.js";
export { entry, visit } from "./facts.js";
export { captureRules, cookieHeader, UNCACHED } from "./rules.js";
export { captureRequest, isPage, setCookies, withCookies } from "./web.js";
