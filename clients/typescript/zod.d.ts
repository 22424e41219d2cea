// Generated from clients/schemas/stats_api by generate.js: do not edit.

import type { z } from "zod";
import type * as types from "./answers.js";

export const AgencyClient: z.ZodType<types.AgencyClient>;
export const Rest: z.ZodType<types.Rest>;
export const AgencyTotals: z.ZodType<types.AgencyTotals>;
export const GetAgencyOverview: z.ZodType<types.GetAgencyOverview>;
export const RawVisit: z.ZodType<types.RawVisit>;
export const NextPage: z.ZodType<types.NextPage>;
export const GetCampaignVisitsRaw: z.ZodType<types.GetCampaignVisitsRaw>;
export const Totals: z.ZodType<types.Totals>;
export const PreviousPeriod: z.ZodType<types.PreviousPeriod>;
export const EntityItem: z.ZodType<types.EntityItem>;
export const OverviewDay: z.ZodType<types.OverviewDay>;
export const GetClientOverview: z.ZodType<types.GetClientOverview>;
export const ClosingFigure: z.ZodType<types.ClosingFigure>;
export const Closing: z.ZodType<types.Closing>;
export const GetClosings: z.ZodType<types.GetClosings>;
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
export const Period: z.ZodType<types.Period>;
export const GetSeries: z.ZodType<types.GetSeries>;
export const WebinarPeak: z.ZodType<types.WebinarPeak>;
export const WebinarInterval: z.ZodType<types.WebinarInterval>;
export const WebinarDay: z.ZodType<types.WebinarDay>;
export const GetWebinarStats: z.ZodType<types.GetWebinarStats>;
export const WebinarItem: z.ZodType<types.WebinarItem>;
export const GetWebinars: z.ZodType<types.GetWebinars>;
export const HourRow: z.ZodType<types.HourRow>;
export const ListCampaignHours: z.ZodType<types.ListCampaignHours>;
export const DailyRow: z.ZodType<types.DailyRow>;
export const ListDailySeries: z.ZodType<types.ListDailySeries>;
export const RangeRow: z.ZodType<types.RangeRow>;
export const ListRangeSummary: z.ZodType<types.ListRangeSummary>;

/** By the function's name. */
export const answers: { [F in keyof types.Answers]: z.ZodType<types.Answers[F]> };
