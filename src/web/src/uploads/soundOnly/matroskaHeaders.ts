// Matroska and WebM: what is kept of the elements Info and Tracks.
import { type Element, header, inside, real } from "./ebml";
import { bigEndian, joined, unsure } from "./source";

export const INFO = 0x1549a966;
export const TRACKS = 0x1654ae6b;
export const VOID = 0xec;
export const CRC = 0xbf;
export const NANOSECONDS = 1_000_000_000;
const SCALE = 0x2ad7b1;
const DURATION = 0x4489;
const TRACK = 0xae;
const NUMBER = 0xd7;
const TYPE = 0x83;
const TRACK_SCALE = 0x23314f;
const ENCODINGS = 0x6d80;
const ENCODING = 0x6240;
const ENCRYPTION = 0x5035;
const OPERATION = 0xe2;
export const PICTURES = 1;
export const SOUND = 2;
// Subtitles, buttons and metadata are dropped too.
const OTHERS = [0x11, 0x12, 0x21];
const USUAL_SCALE = 1_000_000;

export interface Info {
  element: Uint8Array;
  /** Nanoseconds of a unit of time. */
  scale: number;
  /** Seconds, if they are declared. */
  duration: number | null;
}

export interface Tracks {
  element: Uint8Array;
  /** The type of each track, also of those that are dropped. */
  kinds: Map<number, number>;
}

/** The element without the duration, which counts the pictures too; `data` is changed, and its content begins at `start`. */
export function readInfo(data: Uint8Array, start: number): Info {
  let scale = USUAL_SCALE;
  let duration: number | null = null;
  for (const one of inside(data, start)) {
    const content = data.slice(one.start, one.end);
    if (one.id === SCALE) scale = bigEndian(content);
    if (one.id === DURATION) duration = real(content);
    if (one.id === DURATION || one.id === CRC) {
      const size = one.end - one.at;
      if (size > 100) unsure("An element is too large.");
      data.fill(0, one.at, one.end);
      data.set([VOID, 0x80 | (size - 2)], one.at);
    }
  }
  if (!(scale > 0 && scale <= NANOSECONDS)) unsure("The time scale is unusual.");
  const seconds = ((duration ?? 0) * scale) / NANOSECONDS;
  return { element: data, scale, duration: seconds > 0 && seconds < 1e9 ? seconds : null };
}

/** The element with the tracks of sound only. Its content begins at `start`. */
export function readTracks(data: Uint8Array, start: number): Tracks {
  const kept: Uint8Array[] = [];
  const kinds = new Map<number, number>();
  for (const one of inside(data, start)) {
    if (one.id === TRACK) {
      const [number, kind] = track(data, one);
      const known = kind === PICTURES || kind === SOUND || OTHERS.includes(kind);
      if (!known || !number || kinds.has(number)) unsure("A track is unusual.");
      kinds.set(number, kind);
      if (kind === SOUND) kept.push(data.subarray(one.at, one.end));
    } else if (one.id !== VOID && one.id !== CRC) {
      unsure("An element is unknown.");
    }
  }
  const found = [...kinds.values()];
  if (!found.includes(PICTURES) || !found.includes(SOUND)) unsure("There is no sound, or there are no pictures.");
  const content = joined(kept);
  return { element: joined([header(TRACKS, content.length), content]), kinds };
}

/** The number and the type of a track. */
function track(data: Uint8Array, outer: Element): [number: number, kind: number] {
  let number = 0;
  let kind = 0;
  for (const part of inside(data, outer.start, outer.end)) {
    const content = data.subarray(part.start, part.end);
    if (part.id === NUMBER) number = bigEndian(content);
    if (part.id === TYPE) kind = bigEndian(content);
    const scaled = part.id === TRACK_SCALE && real(content) !== 1;
    if (scaled || part.id === OPERATION || (part.id === ENCODINGS && isEncrypted(data, part))) {
      unsure("A track is encrypted or unusual.");
    }
  }
  return [number, kind];
}

function isEncrypted(data: Uint8Array, encodings: Element): boolean {
  return inside(data, encodings.start, encodings.end)
    .filter(({ id }) => id === ENCODING)
    .some(({ start, end }) => inside(data, start, end).some(({ id }) => id === ENCRYPTION));
}
