// The summaries as this page knows them, by the MP3 that they are of.
import { type InfiniteData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import { type Job } from "../api/jobs";
import { client } from "../api/queries";
import {
  FIRST_SUMMARIES,
  getSummary,
  listSummaries,
  type Summary,
  type SummaryPage,
  underWay,
} from "../api/summaries";

const SUMMARIES = ["summaries"] as const;
// ms between two looks at one that is being made.
const POLL = 1_500;

type Pages = InfiniteData<SummaryPage, string>;

export interface Known {
  /** Whether new ones can be made here. */
  available: boolean;
  of(job: Job): Summary | undefined;
}

/** All of them: a page has 200, and each is a few lines. */
export function useSummaries(): Known {
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

/** Asks how far a summary is, for as long as it is under way. */
export function useProgress(summary: Summary | undefined): void {
  const id = summary?._id ?? "";
  const { data } = useQuery({
    queryKey: ["summary", id],
    queryFn: () => getSummary(id),
    enabled: !!summary && underWay(summary),
    refetchInterval: POLL,
    gcTime: 0,
  });
  useEffect(() => {
    if (data) putSummary(data);
  }, [data]);
}

/** Puts a summary's new state where it is, or first when it is new. */
export function putSummary(summary: Summary): void {
  client.setQueryData<Pages>(SUMMARIES, (data) => {
    if (!data) return data;
    const known = data.pages.some((page) => page.summaries.some((other) => other._id === summary._id));
    return {
      ...data,
      pages: data.pages.map((page, index) => ({
        ...page,
        summaries: known
          ? page.summaries.map((other) => (other._id === summary._id ? summary : other))
          : index === 0
            ? [summary, ...page.summaries]
            : page.summaries,
      })),
    };
  });
}
