// The sound of a video as the source of an upload, if the MP3 is certain to be the same. A worker reads it while it is sent.
import type { Answer, Request } from "./messages";
import { TIMEOUT } from "./source";

/** Changes with each change of the output: an upload that another version has begun is not resumed. */
export const VERSION = 1;
// ms in addition to the worker's own limit.
const GRACE = 5000;

export interface Sound {
  /** Bytes. */
  size: number;
  /** What the server has to know about the video. */
  metadata: Record<string, string>;
  /** Rejects when the video cannot be read any more. */
  slice: (start: number, end: number) => Promise<Uint8Array<ArrayBuffer>>;
  close: () => void;
}

/** Null if the whole video has to be sent. */
export async function soundOf(file: File): Promise<Sound | null> {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  // Whatever fails, the whole video can be sent.
  const answer = await ask(worker, { file }).catch(() => null);
  if (!answer || !("length" in answer)) {
    worker.terminate();
    return null;
  }
  const { length, start, duration } = answer;
  let last: Promise<unknown> = Promise.resolve();
  return {
    size: length,
    metadata: {
      sound_only: "true",
      original_size: String(file.size),
      original_start: start.toFixed(6),
      ...(duration === null ? {} : { original_duration: duration.toFixed(3) }),
    },
    slice: (from, to) => {
      // One request at a time, so that each gets its own answer.
      const next = last.then(() => ask(worker, { at: from, length: to - from }));
      last = next.catch(() => undefined);
      return next.then((found) => {
        if ("bytes" in found) return found.bytes;
        throw new Error("error" in found ? found.error : "The worker failed.");
      });
    },
    close: () => worker.terminate(),
  };
}

function ask(worker: Worker, request: Request): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("The worker does not answer.")), TIMEOUT + GRACE);
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      clearTimeout(timer);
      resolve(data);
    };
    worker.onerror = () => {
      clearTimeout(timer);
      reject(new Error("The worker failed."));
    };
    worker.postMessage(request);
  });
}
