// The routes of the API for jobs.
import { ask, askJson } from "./http";
import { local } from "./links";
import type { ConversionOptions, Job, JobPage, Link } from "./schema";

/** The chosen options as the form holds them; the server's default applies to those that are absent. */
export type Options = Partial<Record<keyof ConversionOptions, string>>;

export const FIRST_PAGE = "/jobs?limit=25";

export const hasEnded = (job: Job): boolean => job.status === "completed" || job.status === "failed";

/** A cancelled job has the status "failed", but its owner did not expect an MP3. */
export const isCancelled = (job: Job): boolean => job.error_code === "cancelled";

export const listJobs = (page: string, signal?: AbortSignal): Promise<JobPage> =>
  askJson<JobPage>(page, { signal: signal ?? null });

export const getJob = (fid: string): Promise<Job> => askJson<Job>(`/jobs/${encodeURIComponent(fid)}`);

export const cancelJob = (fid: string): Promise<Response> => ask(`/jobs/${fid}/cancel`, { method: "POST" });

export const retryJob = (fid: string, options: Options): Promise<Job> =>
  askJson<Job>(`/jobs/${fid}/retry`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(withTypes(options)),
  });

/** Keeps the MP3 after the retention time of the server, or no longer. */
export const keepJob = (fid: string, keep: boolean): Promise<Job> =>
  askJson<Job>(`/jobs/${fid}`, {
    method: "PATCH",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ keep }),
  });

/** `keepalive` lets the request outlive the page. */
export const deleteJob = (fid: string, keepalive = false): Promise<Response> =>
  ask(`/jobs/${fid}`, { method: "DELETE", keepalive });

/** The public address that plays and downloads the MP3 without a token; it expires after some days. */
export const getLink = async (fid: string): Promise<string> => (await askJson<Link>(`/jobs/${fid}/link`)).url;

export const getLocalLink = async (fid: string): Promise<string> => local(await getLink(fid), "/download");

const BOOLEANS = new Set(["normalize", "reencode"]);
const NUMBERS = new Set(["bitrate", "quality", "sample_rate", "track"]);

/** The options with the JSON types of the API. */
export function withTypes(options: Options): Record<string, string | number | boolean> {
  return Object.fromEntries(
    Object.entries(options as Record<string, string>).map(([name, value]): [string, string | number | boolean] => {
      if (NUMBERS.has(name)) return [name, Number(value)];
      return [name, BOOLEANS.has(name) ? value === "true" : value];
    }),
  );
}
