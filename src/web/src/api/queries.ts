// The jobs as this page knows them: loaded in pages, changed by what the server tells.
import { type InfiniteData, QueryClient } from "@tanstack/react-query";
import { Refused } from "./http";
import { type Job, type Page } from "./jobs";

export const JOBS = ["jobs"] as const;
export const jobKey = (fid: string) => ["job", fid] as const;

export const client = new QueryClient({
  defaultOptions: {
    queries: {
      // What the server refused it will refuse again; what did not arrive may arrive later.
      retry: (attempts, error) => !(error instanceof Refused && error.status < 500) && attempts < 3,
      staleTime: 30_000,
      // A request that fails says so; one that waits for the network in silence does not.
      networkMode: "always",
    },
    mutations: { networkMode: "always" },
  },
});

type Pages = InfiniteData<Page, string>;

/** Puts a job's new state where the job is, or first when it is new. */
export function put(job: Job): void {
  client.setQueryData(jobKey(job.video_fid), job);
  client.setQueryData<Pages>(JOBS, (data) => (data ? withJob(data, job) : data));
}

export function drop(fid: string): void {
  client.removeQueries({ queryKey: jobKey(fid) });
  client.setQueryData<Pages>(JOBS, (data) =>
    data ? { ...data, pages: data.pages.map((page) => ({ ...page, jobs: page.jobs.filter((job) => job.video_fid !== fid) })) } : data,
  );
}

export function withJob(data: Pages, job: Job): Pages {
  const known = data.pages.some((page) => page.jobs.some((other) => other.video_fid === job.video_fid));
  const pages = known
    ? data.pages.map((page) => ({
        ...page,
        jobs: page.jobs.map((other) => (other.video_fid === job.video_fid ? job : other)),
      }))
    : data.pages.map((page, index) => (index === 0 ? { ...page, jobs: inserted(page.jobs, job) } : page));
  return { ...data, pages };
}

// Ids grow with time: newest first is the order of ids, downwards.
function inserted(jobs: Job[], job: Job): Job[] {
  const at = jobs.findIndex((other) => other.video_fid < job.video_fid);
  // An old job that is on no page yet comes with its page.
  if (at < 0 && jobs.length > 0) return jobs;
  return jobs.toSpliced(Math.max(at, 0), 0, job);
}
