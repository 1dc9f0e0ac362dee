// The cache of summaries.
import { type InfiniteData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import { client } from "../api/queries";
import type { Job, Summary, SummaryPage } from "../api/schema";
import { FIRST_SUMMARIES, getSummary, isInProgress, listSummaries } from "../api/summaries";

const SUMMARIES = ["summaries"] as const;
// ms between two requests for a summary in progress.
const POLL = 1_500;

type Pages = InfiniteData<SummaryPage, string>;

export interface Summaries {
  /** Whether this server can make new summaries. */
  available: boolean;
  of: (job: Job) => Summary | undefined;
}

/** Loads all summaries: a page has 200, and each is short. */
export function useSummaries(): Summaries {
  const query = useInfiniteQuery({
    queryKey: SUMMARIES,
    queryFn: ({ pageParam, signal }) => listSummaries(pageParam, signal),
    initialPageParam: FIRST_SUMMARIES,
    getNextPageParam: (page) => page.next,
  });
  const { data, hasNextPage, isFetching, isError, fetchNextPage } = query;
  useEffect(() => {
    if (hasNextPage && !isFetching && !isError) void fetchNextPage();
  }, [hasNextPage, isFetching, isError, fetchNextPage]);

  return useMemo(() => {
    const all = data?.pages.flatMap((page) => page.summaries) ?? [];
    const byMp3 = new Map(all.map((summary) => [summary.mp3_fid, summary]));
    return {
      available: data?.pages[0]?.available ?? false,
      of: (job: Job) => (job.mp3_fid ? byMp3.get(job.mp3_fid) : undefined),
    };
  }, [data]);
}

/** Polls a summary while it is in progress. */
export function useSummaryProgress(summary: Summary | undefined): void {
  const id = summary?._id ?? "";
  const { data } = useQuery({
    queryKey: ["summary", id],
    queryFn: () => getSummary(id),
    enabled: !!summary && isInProgress(summary),
    refetchInterval: POLL,
    gcTime: 0,
  });
  useEffect(() => {
    if (data) putSummary(data);
  }, [data]);
}

/** Updates a summary in the cache, or adds it. */
export function putSummary(summary: Summary): void {
  client.setQueryData<Pages>(SUMMARIES, (data) => (data ? withSummary(data, summary) : data));
}

export function withSummary(data: Pages, summary: Summary): Pages {
  const known = data.pages.some((page) => page.summaries.some((other) => other._id === summary._id));
  const pages = data.pages.map((page, index) => {
    if (known) return { ...page, summaries: page.summaries.map((other) => (other._id === summary._id ? summary : other)) };
    return index === 0 ? { ...page, summaries: [summary, ...page.summaries] } : page;
  });
  return { ...data, pages };
}
