// Read by the compiler alone (`npm run check`): the declarations fit what is called, and wrong calls do not compile.

import { z } from "zod";
import { arrive, captureRequest, captureRules, setCookies, visit, withCookies } from "../capture/index.js";
import { readsByFetch, type GetLinkStats } from "../reads.js";
import { answers } from "../zod.js";

const read = readsByFetch({ url: "https://db.example/rest/v1", token: () => "jwt", answers });
const range = { p_client_id: null, p_from_date: "2024-03-01", p_to_date: "2024-03-03" };

export async function used(request: Request): Promise<Response> {
  const stats: GetLinkStats = await read("get_link_stats", { ...range, p_top: 10 });
  const checked: GetLinkStats = answers.get_link_stats.parse(stats) satisfies z.infer<typeof answers.get_link_stats>;
  const cvr: number | null = checked.links[0].cvr;
  // @ts-expect-error there is no such property
  checked.links[0].ctr;
  // @ts-expect-error a required argument is missing
  await read("get_link_stats", { p_from_date: "2024-03-01" });
  // @ts-expect-error there is no such grain
  await read("list_range_summary", { p_grain: "galaxy", p_from: "2024-03-01", p_to: "2024-03-03" });
  const { next } = await read("list_range_summary", { p_grain: "link", p_from: "2024-03-01", p_to: "2024-03-03" });
  await read("list_range_summary", { p_grain: "link", p_from: "2024-03-01", p_to: "2024-03-03", p_after: next });
  const rules = captureRules({ keys: ["…"] });
  const arrival = await arrive(rules, captureRequest(rules, request));
  const outcome = await visit(rules, captureRequest(rules, request), { surface: String(cvr) });
  return setCookies(rules, new Response(String(outcome.fact), { headers: withCookies(request, arrival.cookies) }), arrival.cookies);
}
