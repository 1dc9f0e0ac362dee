// The jobs as the API shows them, and what can be done to them.
import { ask, askJson } from "./http";

export type Status = "queued" | "converting" | "completed" | "failed";

/** What a person chose, by the names of the API's fields; what is absent is the server's default. */
export type Options = Record<string, string>;

/** Something unusual about an MP3: a stable code, and a sentence. */
export interface Note {
  code: string;
  text: string;
}

/** What came out of a conversion; sizes are in bytes, the duration is in seconds. */
export interface Result {
  duration: number;
  size: number;
  bitrate: number;
  variable: boolean;
  quality: number | null;
  sample_rate: number;
  channels: number;
  video_size: number;
  notes: Note[];
}

export interface Job {
  video_fid: string;
  filename: string;
  status: Status;
  progress: number;
  mp3_fid: string | null;
  error: string | null;
  options: Record<string, unknown>;
  result: Result | null;
  created_at: string;
  updated_at: string;
}

export interface Page {
  jobs: Job[];
  next: string | null;
}

/** The server counts it as failed; to its owner it is not. */
export const cancelled = (job: Job): boolean => job.status === "failed" && !!job.error?.startsWith("Cancelled");

export const FIRST_PAGE = "/jobs?limit=50";

export const ended = (job: Job): boolean => job.status !== "queued" && job.status !== "converting";

export const listJobs = (page: string, signal?: AbortSignal): Promise<Page> => askJson<Page>(page, { signal: signal ?? null });

export const getJob = (fid: string): Promise<Job> => askJson<Job>(`/jobs/${encodeURIComponent(fid)}`);

export const cancelJob = (fid: string): Promise<Response> => ask(`/jobs/${fid}/cancel`, { method: "POST" });

export const retryJob = (fid: string, options: Options): Promise<Job> =>
  askJson<Job>(`/jobs/${fid}/retry`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(typed(options)),
  });

/** `keepalive` lets the request outlive the page. */
export const deleteJob = (fid: string, keepalive = false): Promise<Response> =>
  ask(`/jobs/${fid}`, { method: "DELETE", keepalive });

/** An address on this server that plays and downloads the MP3 without a token of its own, for some days. */
export async function linkOf(fid: string): Promise<string> {
  const { url } = await askJson<{ url: string }>(`/jobs/${fid}/link`);
  const { pathname, search } = new URL(url, location.origin);
  return pathname.slice(pathname.lastIndexOf("/")) + search;
}

const FLAGS = new Set(["normalize", "reencode"]);
const NUMBERS = new Set(["bitrate", "quality", "sample_rate", "track"]);

function typed(options: Options): Record<string, string | number | boolean> {
  return Object.fromEntries(
    Object.entries(options).map(([name, value]) => {
      if (NUMBERS.has(name)) return [name, Number(value)];
      return [name, FLAGS.has(name) ? value === "true" : value];
    }),
  );
}
