// What can be done about a failure, by its code.
import type { Job, Summary } from "../api/schema";

type Code = NonNullable<Job["error_code"]>;

/** Whether the same attempt can succeed, only one with other options, or none with this video. */
export type Remedy = "retry" | "options" | "none";

const REMEDIES: Record<Code, Remedy> = {
  cancelled: "retry",
  failed: "retry",
  crashed: "retry",
  // It depends on the load of the server.
  time_limit: "retry",
  provider_refused: "retry",
  provider_unavailable: "retry",
  no_such_track: "options",
  outside_recording: "options",
  too_long: "options",
  output_too_large: "options",
  memory_limit: "options",
  no_audio: "none",
  empty_file: "none",
  not_a_video: "none",
  incomplete: "none",
  damaged: "none",
  unsupported: "none",
  no_longer_stored: "none",
  no_speech: "none",
};
// Codes about one audio track. Unless a track was chosen, the converter has tried all of them.
const TRACK_CODES: ReadonlySet<Code> = new Set<Code>(["no_audio", "unsupported"]);

/** A code that this page does not know can be temporary. */
const remedyOf = (code: Code | null): Remedy => REMEDIES[code ?? "failed"] ?? "retry";

/** What can be done about a job that has failed. */
export function remedy(job: Job): Remedy {
  const trackWasChosen = job.options.track !== undefined && job.options.track !== null;
  return trackWasChosen && job.error_code && TRACK_CODES.has(job.error_code) ? "options" : remedyOf(job.error_code);
}

export const canRetrySummary = (summary: Summary): boolean => remedyOf(summary.error_code) === "retry";

/** Why the video is not converted again; null if that can work. */
export function rejection(job: Job, unchanged: boolean): string | null {
  if (!job.video_stored) return "The video is no longer stored. Upload it again to convert it with other options.";
  if (!unchanged) return null;
  if (job.status === "completed") return "Change an option. With these options, the MP3 would be the same.";
  return job.status === "failed" && remedy(job) !== "retry"
    ? "Change an option. With these options, the conversion would fail again."
    : null;
}
