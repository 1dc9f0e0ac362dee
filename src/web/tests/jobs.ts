// Sample jobs.
import type { Job } from "../src/api/schema";

export const job = (changes: Partial<Job> = {}): Job => ({
  video_fid: "0123456789abcdef01234567",
  filename: "talk.mp4",
  status: "queued",
  progress: 0,
  mp3_fid: null,
  error: null,
  error_code: null,
  options: {},
  result: null,
  original: null,
  video_stored: true,
  keep: false,
  created_at: "2026-01-02T03:04:05Z",
  updated_at: "2026-01-02T03:04:05Z",
  ...changes,
});

export const failed = (code: Job["error_code"], error = "A text that no code may depend on."): Job =>
  job({ status: "failed", error, error_code: code });
