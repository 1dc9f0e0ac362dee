// Texts about a job: its status, what its owner can do about a failure, its options and its result.
import { isCancelled } from "../api/jobs";
import type { ConversionOptions, Job, Original, Result } from "../api/schema";
import { bytes, clock } from "../format";
import { remedy } from "./remedies";

interface Label {
  text: string;
  color: string;
}

const STATUS: Partial<Record<string, Label>> = {
  queued: { text: "Queued", color: "gray" },
  converting: { text: "Converting", color: "indigo" },
  completed: { text: "Completed", color: "green" },
  failed: { text: "Failed", color: "red" },
} satisfies Record<Job["status"], Label>;

/** A page that is open during an update may see a status of the newer release. */
export const statusOf = (job: Job): Label =>
  isCancelled(job)
    ? { text: "Cancelled", color: "gray" }
    : (STATUS[job.status] ?? { text: job.status, color: "gray" });

/** A sentence for a job that has ended; empty for others. */
export function endMessage(job: Job): string {
  if (isCancelled(job)) return `The conversion of ${job.filename} was cancelled.`;
  if (job.status === "failed") return `The conversion of ${job.filename} failed: ${job.error ?? ""}`;
  return job.status === "completed" ? `${job.filename} is ready.` : "";
}

const RETRY = "Try again. If it fails again, upload the video again.";
const CHECK = "Check that the file plays on your computer, then upload it again.";
const SHORTEN = "Convert only a part of the video: set a start and an end.";
const ADVICE: Partial<Record<NonNullable<Job["error_code"]>, string>> = {
  no_audio: "Choose a video that has audio.",
  no_such_track: "Choose another audio track.",
  outside_recording: "Choose a start and an end within the video.",
  empty_file: CHECK,
  incomplete: CHECK,
  damaged: CHECK,
  not_a_video: "Save the video in a common format, such as MP4, and upload that file.",
  unsupported: "Save the video in a common format, such as MP4, and upload that file.",
  too_long: SHORTEN,
  output_too_large: SHORTEN,
  time_limit: SHORTEN,
  memory_limit: SHORTEN,
  no_longer_stored: "Upload the video again.",
};

/** What the owner of a failed job can do. */
export function advice(job: Job): string {
  const code = job.error_code ?? "failed";
  if (code === "no_audio" && remedy(job) === "options") return "Choose another audio track.";
  return ADVICE[code] ?? RETRY;
}

// The name "Interview with Dr. No" has no extension.
export const mp3Name = (job: Job): string => `${job.filename.replace(/(?<=.)\.[A-Za-z0-9]{2,5}$/, "")}.mp3`;

const OPTIONS: Record<keyof ConversionOptions, [name: string, value: (value: string) => string]> = {
  bitrate: ["Bit rate", (value) => `${value} kbit/s`],
  quality: ["Variable bit rate", (value) => `V${value}`],
  channels: ["Channels", (value) => value],
  sample_rate: ["Sample rate", (value) => `${value} Hz`],
  start: ["Start", (value) => `${value} s`],
  end: ["End", (value) => `${value} s`],
  normalize: ["Volume", () => "normalised (EBU R 128)"],
  title: ["Title", (value) => value],
  artist: ["Artist", (value) => value],
  album: ["Album", (value) => value],
  cover: ["Cover image", () => "a frame from the video"],
  track: ["Audio track", (value) => value],
  reencode: ["Encoding", () => "re-encoded, even if the audio is MP3"],
};

/** The chosen options as names and values. */
export function optionRows(job: Job): [string, string][] {
  return (Object.keys(OPTIONS) as (keyof ConversionOptions)[])
    .filter((name) => job.options[name] !== undefined && job.options[name] !== null)
    .map((name) => [OPTIONS[name][0], OPTIONS[name][1](String(job.options[name]))]);
}

/** The length and the size of the MP3. */
export const outline = (result: Result): string => `${clock(result.duration)} · ${bytes(result.size)}`;

function videoSize(result: Result, original: Original | null): string {
  const uploaded = bytes(result.video_size);
  return original ? `video: ${bytes(original.size)}, of which ${uploaded} of sound were uploaded` : `video: ${uploaded}`;
}

/** The properties of the MP3 as names and values. */
export function resultRows(result: Result, original: Original | null): [string, string][] {
  const rate = `${result.bitrate} kbit/s`;
  const variable = result.quality === null ? `variable, about ${rate}` : `V${result.quality}, about ${rate}`;
  return [
    ["Duration", clock(result.duration)],
    ["Size", `${bytes(result.size)} (${videoSize(result, original)})`],
    ["Quality", result.variable ? variable : rate],
    ["Audio", `${result.channels === 1 ? "mono" : "stereo"}, ${result.sample_rate / 1000} kHz`],
  ];
}
