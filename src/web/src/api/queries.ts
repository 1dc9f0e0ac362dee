// The cache of jobs: loaded in pages, updated by events from the server.
import { hashKey, type InfiniteData, QueryClient } from "@tanstack/react-query";
import { ACCOUNT, UNCONFIRMED } from "./accounts";
import { Refused, rejected } from "./http";
import { forgetJob, trackJob } from "./running";
import type { Job, JobPage } from "./schema";

export const JOBS = ["jobs"] as const;
export const jobKey = (fid: string) => ["job", fid] as const;

/** A request that the server rejected is not retried; one that failed on the way is, a few times. */
export const shouldRetry = (attempts: number, error: Error): boolean =>
  !(error instanceof Refused && error.status < 500) && attempts < 3;

export const client = new QueryClient({
  defaultOptions: {
    queries: {
      retry: shouldRetry,
      staleTime: 30_000,
      // A request without a network fails at once and is reported, instead of waiting silently.
      networkMode: "always",
    },
    mutations: { networkMode: "always" },
  },
});

// The page of an account whose address is not confirmed asks for that, whichever request was rejected.
rejected.subscribe(() => {
  if (rejected.get()?.code === UNCONFIRMED) void client.invalidateQueries({ queryKey: ACCOUNT });
});

type Pages = InfiniteData<JobPage, string>;

// Jobs that were requested. Those of events come through `putJob`.
client.getQueryCache().subscribe(({ type, query }) => {
  if (type !== "updated" || query.queryHash !== hashKey(JOBS)) return;
  for (const page of (query.state.data as Pages | undefined)?.pages ?? []) page.jobs.forEach(trackJob);
});

/** The job as it is known: a slow response can be older than an event. */
export function newest(job: Job): Job {
  const known = client.getQueryData<Job>(jobKey(job.video_fid));
  return known && known.updated_at > job.updated_at ? known : job;
}

/** Updates a job in the cache, or adds it. */
export function putJob(received: Job): void {
  const job = newest(received);
  trackJob(job);
  client.setQueryData(jobKey(job.video_fid), job);
  client.setQueryData<Pages>(JOBS, (data) => (data ? withJob(data, job) : data));
}

export function removeJob(fid: string): void {
  forgetJob(fid);
  client.removeQueries({ queryKey: jobKey(fid) });
  client.setQueryData<Pages>(JOBS, (data) => (data ? withoutJob(data, fid) : data));
}

export function withoutJob(data: Pages, fid: string): Pages {
  return {
    ...data,
    pages: data.pages.map((page) => ({ ...page, jobs: page.jobs.filter((job) => job.video_fid !== fid) })),
  };
}

export function withJob(data: Pages, job: Job): Pages {
  const known = data.pages.some((page) => page.jobs.some((other) => other.video_fid === job.video_fid));
  const pages = known
    ? data.pages.map((page) => ({
        ...page,
        jobs: page.jobs.map((other) => (other.video_fid === job.video_fid ? job : other)),
      }))
    : data.pages.map((page, index) => (index === 0 ? { ...page, jobs: insert(page.jobs, job) } : page));
  return { ...data, pages };
}

// Ids grow with time, so "newest first" means in descending order of ids.
function insert(jobs: Job[], job: Job): Job[] {
  const index = jobs.findIndex((other) => other.video_fid < job.video_fid);
  // A job that is older than the first page is loaded with its own page.
  if (index < 0 && jobs.length > 0) return jobs;
  return jobs.toSpliced(Math.max(index, 0), 0, job);
}
