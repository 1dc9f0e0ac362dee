// Texts about an upload.
import { bytes, duration } from "../format";
import { isActive, type Upload } from "./upload";

export const percentOf = ({ sent, size }: { sent: number; size: number }): number =>
  size ? Math.floor((sent / size) * 100) : 0;

/** The progress of an upload, and what the user has to do if it does not continue by itself. */
export function statusText(upload: Upload): string {
  const progress = `${percentOf(upload)} % · ${bytes(upload.sent)} of ${bytes(upload.size)}`;
  switch (upload.state) {
    case "uploading": {
      if (upload.searching) return `${bytes(upload.size)} · Finding the sound`;
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
    case "rejected":
      return upload.error ?? "The upload failed.";
    case "done":
      return `${bytes(upload.size)} · Uploaded`;
  }
}

/** What is sent instead of the whole video. */
export const soundText = (size: number, of: number, done: boolean): string =>
  `${done ? "Only the sound was sent" : "Sending the sound only"}: ${bytes(size)} of ${bytes(of)}`;

/** The progress of several uploads together. */
export interface Total {
  /** Uploads that still continue. */
  active: number;
  done: number;
  count: number;
  sent: number;
  size: number;
  /** Seconds; null while the speed is unknown. */
  left: number | null;
}

/** Uploads that the server has rejected do not count. */
export function totalOf(uploads: Upload[]): Total {
  const counted = uploads.filter(({ state }) => state !== "rejected");
  const active = counted.filter(isActive);
  const sum = (list: Upload[], value: (upload: Upload) => number) => list.reduce((all, one) => all + value(one), 0);
  const speed = sum(active, (upload) => upload.speed ?? 0);
  return {
    active: active.length,
    done: counted.filter(({ state }) => state === "done").length,
    count: counted.length,
    sent: sum(counted, (upload) => upload.sent),
    size: sum(counted, (upload) => upload.size),
    left: speed > 0 ? sum(active, (upload) => upload.size - upload.sent) / speed : null,
  };
}

export function totalText({ active, done, count, sent, size, left }: Total): string {
  const parts = [`${done} of ${count} uploaded`, `${bytes(sent)} of ${bytes(size)}`];
  if (active && left !== null) parts.push(`${duration(left)} left`);
  return parts.join(" · ");
}
