// Reads a video in windows, within a time limit. This folder and src/cli/video2mp3/sound_only have the same algorithm:
// their outputs are identical (docs/sound-only.md).

/** Returns at most `length` bytes. It is synchronous: it runs in a worker. */
export type Read = (at: number, length: number) => Uint8Array;

// Bytes. A window that continues the one before it is large; one after a jump is small.
export const WINDOW = 4 << 20;
const JUMP = 64 << 10;
/** Bytes that are read without being needed, rather than in two reads. */
export const GAP = 128 << 10;
/** ms. A video that needs longer is uploaded whole. */
export const TIMEOUT = 120_000;

/** The sound cannot be separated with certainty: the whole video is uploaded. */
export class Unsure extends Error {}

export function unsure(reason: string): never {
  throw new Unsure(reason);
}

export class Source {
  private readonly deadline: number;
  private at = 0;
  private window: Uint8Array = new Uint8Array(0);

  constructor(
    private readonly read: Read,
    readonly size: number,
    timeout = TIMEOUT,
  ) {
    this.deadline = Date.now() + timeout;
  }

  /** The bytes there; throws Unsure when the file ends before, or after the time limit. */
  get(at: number, length: number): Uint8Array {
    if (at < 0 || length < 0 || at + length > this.size) unsure("The file ends too early.");
    const end = this.at + this.window.length;
    if (at < this.at || at + length > end) {
      const near = this.at <= at && at <= end + GAP;
      this.window = this.load(at, Math.min(Math.max(length, near ? WINDOW : JUMP), this.size - at));
      this.at = at;
    }
    return this.window.subarray(at - this.at, at - this.at + length);
  }

  /** As `get`, without keeping a window. */
  load(at: number, length: number): Uint8Array {
    if (Date.now() > this.deadline) unsure("The time limit is exceeded.");
    const data = this.read(at, length);
    return data.length === length ? data : unsure("The file cannot be read.");
  }
}

/** The big-endian number of these bytes; exact up to 2^53. */
export function bigEndian(data: Uint8Array, at = 0, length = data.length): number {
  let value = 0;
  for (let index = at; index < at + length; index += 1) value = value * 256 + (data[index] ?? 0);
  return value;
}

/** The value as big-endian bytes. */
export function bytesOf(value: number, length: number): Uint8Array {
  const data = new Uint8Array(length);
  let left = value;
  for (let index = length - 1; index >= 0; index -= 1) {
    data[index] = left % 256;
    left = Math.floor(left / 256);
  }
  return data;
}

export function joined(parts: Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** `ticks` of 1/`scale` seconds in microseconds, rounded as ffmpeg does: to the nearest one, half away from zero. */
export function microseconds(ticks: bigint, scale: bigint): number {
  const size = ticks < 0n ? -ticks : ticks;
  const rounded = (2n * size * 1_000_000n + scale) / (2n * scale);
  return Number(ticks < 0n ? -rounded : rounded);
}
