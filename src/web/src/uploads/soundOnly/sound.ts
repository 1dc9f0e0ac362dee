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
}

/** Null if the whole video has to be sent. The sound can be read until `stop` is aborted, which ends the worker. */
export async function soundOf(file: File, stop: AbortSignal): Promise<Sound | null> {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  stop.addEventListener("abort", () => worker.terminate());
  // Whatever fails, the whole video can be sent.
  const answer = await ask(worker, { file }, stop).catch(() => null);
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
      const next = last.then(() => ask(worker, { at: from, length: to - from }, stop));
      last = next.catch(() => undefined);
      return next.then((found) => {
        if ("bytes" in found) return found.bytes;
        throw new Error("error" in found ? found.error : "The worker failed.");
      });
    },
  };
}

function ask(worker: Worker, request: Request, stop: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const end = AbortSignal.any([stop, AbortSignal.timeout(TIMEOUT + GRACE)]);
    end.addEventListener("abort", () => reject(end.reason as Error));
    worker.onmessage = ({ data }: MessageEvent<Answer>) => resolve(data);
    worker.onerror = () => reject(new Error("The worker failed."));
    worker.postMessage(request);
  });
}
