// What is said in a recording: summaries and transcripts, as the API shows them.
import { ask, askJson } from "./http";

export type Stage = "queued" | "transcribing" | "summarising" | "completed" | "failed";

export interface Summary {
  _id: string;
  mp3_fid: string | null;
  status: Stage;
  progress: number;
  summary: string | null;
  category: string | null;
  context_truncated: boolean;
  error: string | null;
}

export interface SummaryPage {
  summaries: Summary[];
  next: string | null;
  /** Whether new ones can be made here. */
  available: boolean;
}

/** Name in the API → ending of the file. */
export const FORMATS = { text: "txt", srt: "srt", vtt: "vtt" } as const;
export type Format = keyof typeof FORMATS;

export const FIRST_SUMMARIES = "/summaries?limit=200";

export const underWay = (summary: Summary): boolean => summary.status !== "completed" && summary.status !== "failed";

export const listSummaries = (page: string, signal?: AbortSignal): Promise<SummaryPage> =>
  askJson<SummaryPage>(page, { signal: signal ?? null });

export const getSummary = (id: string): Promise<Summary> => askJson<Summary>(`/summaries/${id}`);

/** Begins one, or tries a failed one again. */
export const summarise = (mp3: string): Promise<Summary> =>
  askJson<Summary>("/summaries", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ file_id: mp3 }),
  });

export async function getTranscript(mp3: string, format: Format): Promise<string> {
  // Any type: an error is JSON, a transcript is not.
  return (await ask(`/transcripts/${mp3}?format=${format}`, { headers: { Accept: "*/*" } })).text();
}
