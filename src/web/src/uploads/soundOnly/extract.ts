// Chooses the container, and decides whether it is worthwhile to send the sound only.
import { extract as matroska } from "./matroska";
import { extract as mp4 } from "./mp4";
import { extract as mpegts, packetSize } from "./mpegts";
import type { Plan } from "./plan";
import { bigEndian, type Read, Source, TIMEOUT, unsure } from "./source";

/** What the extractors of all containers return. */
export interface Found {
  plan: Plan;
  /** Microseconds: the first time stamp of the pictures, on the clock of the video. The sound may begin later. */
  start: number;
  /** Seconds, if the container declares it. */
  duration: number | null;
}

// The share of the video above which it is sent whole.
const MOST = 0.7;
const HEAD = 400;

/** Throws Unsure when the whole video has to be sent. `read` reads the video, of `size` bytes. */
export function extract(read: Read, size: number, timeout = TIMEOUT): Found {
  const source = new Source(read, size, timeout);
  const found = container(source.get(0, Math.min(HEAD, size)))(source);
  if (found.plan.length > MOST * size) unsure("Most of the file is sound.");
  return found;
}

function container(head: Uint8Array): (source: Source) => Found {
  if (bigEndian(head, 0, 4) === 0x1a45dfa3) return matroska;
  if (bigEndian(head, 4, 4) === 0x66747970) return mp4; // ftyp
  if (packetSize(head)) return mpegts;
  return unsure("The container is unknown.");
}
