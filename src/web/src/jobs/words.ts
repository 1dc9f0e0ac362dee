// What is said about a job, and what its owner can do about it.
import { cancelled, type Job, type Result, type Status } from "../api/jobs";
import { bytes, clock } from "../format";

const STATUS: Record<Status, { text: string; color: string }> = {
  queued: { text: "Queued", color: "gray" },
  converting: { text: "Converting", color: "indigo" },
  completed: { text: "Ready", color: "green" },
  failed: { text: "Failed", color: "red" },
};

export const statusOf = (job: Job): { text: string; color: string } =>
  cancelled(job) ? { text: "Cancelled", color: "gray" } : STATUS[job.status];

const ADVICE: [RegExp, string][] = [
  [/no audio track|holds no sound/i, "Choose a video that has sound, or another audio track."],
  [/incomplete|empty|damaged|cannot be read/i, "Check that the file plays on your computer, then upload it again."],
  [/longer than|larger than|took (longer|more)|more than the/i, "Convert a part of it: set where it begins and ends."],
  [/kind that cannot be decoded|not a video/i, "Save the video in a common format, such as MP4, and upload that."],
  [/no longer stored/i, "Upload the video again."],
];

export function advice(job: Job): string {
  const error = job.error ?? "";
  return ADVICE.find(([pattern]) => pattern.test(error))?.[1] ?? "Try again. If it fails again, upload the video anew.";
}

// "Interview with Dr. No" has no suffix.
export const mp3Name = (job: Job): string => `${job.filename.replace(/(?<=.)\.[A-Za-z0-9]{2,5}$/, "")}.mp3`;

const NAMES: Record<string, string> = {
  bitrate: "Bit rate",
  quality: "Variable bit rate",
  channels: "Channels",
  sample_rate: "Sample rate",
  start: "Begins at",
  end: "Ends at",
  normalize: "Loudness",
  title: "Title",
  artist: "Artist",
  album: "Album",
  cover: "Cover",
  track: "Audio track",
  reencode: "Encoding",
};

/** The options that were chosen, as names and values for people. */
export function chosen(job: Job): [string, string][] {
  return Object.entries(job.options).map(([name, value]) => {
    let said = String(value);
    if (name === "bitrate") said = `${said} kbit/s`;
    if (name === "quality") said = `V${said}`;
    if (name === "sample_rate") said = `${said} Hz`;
    if (name === "start" || name === "end") said = `${said} s`;
    if (name === "normalize") said = "evened out (EBU R 128)";
    if (name === "reencode") said = "again, even if the sound is MP3";
    if (name === "cover") said = "a frame of the video";
    return [NAMES[name] ?? name, said];
  });
}

/** How long the MP3 is, and how large. */
export const brief = (result: Result): string => `${clock(result.duration)} · ${bytes(result.size)}`;

/** What is known about the MP3, as names and values for people. */
export function known(result: Result): [string, string][] {
  const rate = `${result.bitrate} kbit/s`;
  const variable = result.quality === null ? `variable, about ${rate}` : `V${result.quality}, about ${rate}`;
  return [
    ["Duration", clock(result.duration)],
    ["Size", `${bytes(result.size)} (the video: ${bytes(result.video_size)})`],
    ["Quality", result.variable ? variable : rate],
    ["Sound", `${result.channels === 1 ? "mono" : "stereo"}, ${result.sample_rate / 1000} kHz`],
  ];
}
