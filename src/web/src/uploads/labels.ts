// Texts about an upload.
import { bytes, duration } from "../format";
import type { Upload } from "./queue";

export const percentOf = (upload: Upload): number =>
  upload.size ? Math.floor((upload.sent / upload.size) * 100) : 0;

/** The progress of an upload, and what the user has to do if it does not continue by itself. */
export function statusText(upload: Upload): string {
  const progress = `${percentOf(upload)} % · ${bytes(upload.sent)} of ${bytes(upload.size)}`;
  switch (upload.state) {
    case "uploading": {
      if (!upload.speed || upload.speed <= 0) return progress;
      const left = duration((upload.size - upload.sent) / upload.speed);
      return `${progress} · ${bytes(upload.speed)}/s · ${left} left`;
    }
    case "reconnecting":
      return `${progress} · Connection lost. The upload resumes automatically.`;
    case "paused":
      return `${progress} · Paused`;
    case "waiting":
      return upload.sent ? `${progress} · Waiting` : `${bytes(upload.size)} · Waiting`;
    case "signed-out":
      return `${progress} · The upload resumes after you sign in.`;
    case "interrupted":
      return `${progress} · Interrupted. Choose the same file to resume the upload.`;
    case "failed":
      return upload.error ?? "The upload failed.";
  }
}
