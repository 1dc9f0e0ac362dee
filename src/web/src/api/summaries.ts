// The routes of the API for summaries and transcripts.
import { ask, askJson } from "./http";
import type { Summary, SummaryPage } from "./schema";

/** Name in the API → extension of the file. */
export const FORMATS = { text: "txt", srt: "srt", vtt: "vtt" } as const;
export type Format = keyof typeof FORMATS;

export const FIRST_SUMMARIES = "/summaries?limit=200";

export const isInProgress = (summary: Summary): boolean =>
  summary.status !== "completed" && summary.status !== "failed";

export const listSummaries = (page: string, signal?: AbortSignal): Promise<SummaryPage> =>
  askJson<SummaryPage>(page, { signal: signal ?? null });

export const getSummary = (id: string): Promise<Summary> => askJson<Summary>(`/summaries/${id}`);

/** Creates the summary of an MP3, or retries a failed one. */
export const summarise = (mp3: string): Promise<Summary> =>
  askJson<Summary>("/summaries", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ file_id: mp3 }),
  });

export async function getTranscript(mp3: string, format: Format): Promise<string> {
  // Any type: errors are JSON, transcripts are not.
  return (await ask(`/transcripts/${mp3}?format=${format}`, { headers: { Accept: "*/*" } })).text();
}
