// Generated from clients/schemas by generate.js: do not edit.

import type { z } from "zod";
import type * as types from "./answers.js";

export const HourRow: z.ZodType<types.HourRow>;
export const CampaignHours: z.ZodType<types.CampaignHours>;
export const DailyRow: z.ZodType<types.DailyRow>;
export const DailySeries: z.ZodType<types.DailySeries>;
export const RawVisit: z.ZodType<types.RawVisit>;
export const NextPage: z.ZodType<types.NextPage>;
export const GetCampaignVisitsRaw: z.ZodType<types.GetCampaignVisitsRaw>;
export const Totals: z.ZodType<types.Totals>;
export const EntityItem: z.ZodType<types.EntityItem>;
export const Rest: z.ZodType<types.Rest>;
export const OverviewDay: z.ZodType<types.OverviewDay>;
export const GetClientOverview: z.ZodType<types.GetClientOverview>;
export const SuspectedClone: z.ZodType<types.SuspectedClone>;
export const BusySession: z.ZodType<types.BusySession>;
export const QualityDay: z.ZodType<types.QualityDay>;
export const GetDataQuality: z.ZodType<types.GetDataQuality>;
export const LinkDay: z.ZodType<types.LinkDay>;
export const LinkItem: z.ZodType<types.LinkItem>;
export const GetLinkStats: z.ZodType<types.GetLinkStats>;
export const SourceItem: z.ZodType<types.SourceItem>;
export const MediumItem: z.ZodType<types.MediumItem>;
export const CampaignItem: z.ZodType<types.CampaignItem>;
export const ComboItem: z.ZodType<types.ComboItem>;
export const StatusCount: z.ZodType<types.StatusCount>;
export const GetMarketingSummary: z.ZodType<types.GetMarketingSummary>;
export const WebinarPeak: z.ZodType<types.WebinarPeak>;
export const WebinarInterval: z.ZodType<types.WebinarInterval>;
export const WebinarDay: z.ZodType<types.WebinarDay>;
export const GetWebinarStats: z.ZodType<types.GetWebinarStats>;
export const RangeRow: z.ZodType<types.RangeRow>;
export const RangeSummary: z.ZodType<types.RangeSummary>;

/** By the function's name. */
export const answers: { [F in keyof types.Answers]: z.ZodType<types.Answers[F]> };
