// The tracks in the index (`moov`) of an MP4 or QuickTime file.
import { type Box, child, inside, nameAt, number, numbers, optional, signed } from "./boxes";
import { bigEndian, microseconds, unsure } from "./source";

export const SOUND = "soun";
export const PICTURES = "vide";
const KEPT = new Set([SOUND, "text", "sbtl", "subt"]);
const DROPPED = new Set([PICTURES, "tmcd", "meta", "hint"]);
// Boxes that have no reference to places in the file, apart from those that are changed.
const IN_INDEX = new Set(["mvhd", "trak", "udta", "meta", "iods", "mvex", "free", "skip", "wide", "uuid"]);
const IN_TABLE = new Set(
  ["stsd", "stts", "ctts", "cslg", "stsc", "stsz", "stco", "co64", "stss", "stps"].concat("sdtp", "sgpd", "sbgp", "free", "skip"),
);
// Of all tracks; ten hours have 300,000.
const MOST_CHUNKS = 1 << 19;
// Tracks with chapters, of each track.
const MOST_REFERENCES = 256;

export interface Track {
  box: Box;
  kind: string;
  id: number;
  media: Box;
  table: Box;
  kept: boolean;
}

/** Where the offsets of the chunks are in the index, the bytes of each, and their number. */
interface Offsets {
  at: number;
  width: number;
  count: number;
}

/** The tracks; throws Unsure for an index in which anything is unusual. */
export function tracks(data: Uint8Array, index: Box): Track[] {
  const parts = inside(data, index.start, index.end);
  if (parts.some(({ name }) => !IN_INDEX.has(name))) unsure("The index has unknown boxes.");
  const found = parts.filter(({ name }) => name === "trak").map((box) => track(data, box));
  if (found.reduce((sum, one) => sum + offsetsAt(data, one).count, 0) > MOST_CHUNKS) unsure("There are too many chunks.");
  const kinds = found.map(({ kind }) => kind);
  if (!kinds.includes(SOUND) || !kinds.includes(PICTURES)) unsure("There is no sound, or there are no pictures.");
  if (kinds.some((kind) => !KEPT.has(kind) && !DROPPED.has(kind))) unsure("There is an unknown kind of track.");
  const kept = found.filter((one) => one.kept);
  const every = chapters(data, found);
  const left = chapters(data, kept);
  if (kept.some(({ id }) => every.has(id) && !left.has(id))) unsure("Only the pictures refer to the chapters.");
  for (const one of kept) checkSamples(data, one);
  return found;
}

/** The units per second and the duration of a `mvhd` or `mdhd` box. */
export function timescale(data: Uint8Array, box: Box): [scale: number, duration: number] {
  const long = number(data, box.start, 1, box.end) === 1;
  const scale = number(data, box.start + (long ? 20 : 12), 4, box.end);
  if (!scale) unsure("There is no time scale.");
  return [scale, number(data, box.start + (long ? 24 : 16), long ? 8 : 4, box.end)];
}

/** How long the track is empty at first, and where in its media it begins: units of the media. */
export interface Edits {
  empty: bigint;
  begin: bigint;
}

/** Null without edits. Throws Unsure for edits that change the speed or have a pause later. */
export function edits(data: Uint8Array, of: Track, movieScale: number, scale: number): Edits | null {
  const outer = optional(data, of.box, "edts");
  const box = outer && optional(data, outer, "elst");
  if (!box) return null;
  const wide = number(data, box.start, 1, box.end) === 1 ? 8 : 4;
  const count = number(data, box.start + 4, 4, box.end);
  const size = 2 * wide + 4;
  if (count * size > box.end - box.start - 8) unsure("An edit list is cut.");
  let empty = 0n;
  let begin: bigint | null = null;
  for (let at = box.start + 8; at < box.start + 8 + count * size; at += size) {
    const time = signed(data, at + wide, wide, box.end);
    if (number(data, at + 2 * wide, 4, box.end) !== 1 << 16 || time < -1n || (time === -1n && begin !== null)) {
      unsure("An edit list is unusual.");
    }
    if (time === -1n) {
      const duration = BigInt.asUintN(8 * wide, signed(data, at, wide, box.end));
      empty += (2n * duration * BigInt(scale) + BigInt(movieScale)) / (2n * BigInt(movieScale));
    } else {
      begin ??= time;
    }
  }
  if (count && begin === null) unsure("An edit list is empty.");
  return begin === null ? null : { empty, begin };
}

/** Microseconds: the first time stamp of a track whose samples are in the index, as ffmpeg computes it. */
export function startOf(data: Uint8Array, of: Track, movieScale: number): number {
  const [scale] = timescale(data, child(data, of.media, "mdhd"));
  const edited = edits(data, of, movieScale, scale);
  if (edited) return microseconds(edited.empty, BigInt(scale));
  const box = optional(data, of.table, "ctts");
  if (!box) return 0;
  const offsets = numbers(data, box, box.start + 8, 2 * number(data, box.start + 4, 4, box.end));
  if (offsets.some((offset, index) => index % 2 === 1 && offset >= 2 ** 31)) unsure("Pictures have negative offsets.");
  return microseconds(BigInt(offsets[1] ?? 0), BigInt(scale));
}

export function offsetsAt(data: Uint8Array, of: Track): Offsets {
  const boxes = inside(data, of.table.start, of.table.end).filter(({ name }) => name === "stco" || name === "co64");
  const [box] = boxes;
  if (!box || boxes.length > 1) return unsure("There is no single list of chunks.");
  const width = box.name === "stco" ? 4 : 8;
  const count = number(data, box.start + 4, 4, box.end);
  if (box.start + 8 + count * width > box.end) unsure("A box is too short.");
  return { at: box.start + 8, width, count };
}

/** The offsets of the chunks. */
export function offsetsOf(data: Uint8Array, of: Track): number[] {
  const { at, width, count } = offsetsAt(data, of);
  return Array.from({ length: count }, (_, index) => bigEndian(data, at + index * width, width));
}

/** The bytes that the samples of each chunk need; throws Unsure when the tables disagree. */
export function chunkSizes(data: Uint8Array, of: Track, chunkCount: number): Float64Array {
  const box = child(data, of.table, "stsz");
  const fixed = number(data, box.start + 4, 4, box.end);
  const count = number(data, box.start + 8, 4, box.end);
  const each = numbers(data, box, box.start + 12, fixed ? 0 : count);
  const sizes = new Float64Array(chunkCount);
  let done = 0;
  const runs = samplesPerChunk(data, of, chunkCount);
  runs.forEach(({ first, last, most }) => {
    for (let chunk = first; chunk < last; chunk += 1) {
      const samples = Math.min(most, count - done);
      let size = samples * fixed;
      if (!fixed) for (let sample = done; sample < done + samples; sample += 1) size += each[sample]!;
      sizes[chunk] = size;
      done += samples;
    }
  });
  if (done < count) unsure("There are samples without a chunk.");
  return sizes;
}

export function sampleCount(data: Uint8Array, of: Track): number {
  const box = child(data, of.table, "stsz");
  return number(data, box.start + 8, 4, box.end);
}

function track(data: Uint8Array, box: Box): Track {
  const media = child(data, box, "mdia");
  const handler = child(data, media, "hdlr");
  const header = child(data, box, "tkhd");
  const long = number(data, header.start, 1, header.end) === 1;
  number(data, handler.start, 12, handler.end);
  const kind = nameAt(data, handler.start + 8);
  const id = number(data, header.start + (long ? 20 : 12), 4, header.end);
  return { box, kind, id, media, table: child(data, media, "minf", "stbl"), kept: KEPT.has(kind) };
}

/** The tracks with chapters to which these tracks refer. */
function chapters(data: Uint8Array, found: Track[]): Set<number> {
  const ids = new Set<number>();
  for (const { box } of found) {
    const references = optional(data, box, "tref");
    const list = references && optional(data, references, "chap");
    if (list && list.end - list.start > 4 * MOST_REFERENCES) unsure("There are too many tracks with chapters.");
    if (list) for (const id of numbers(data, list, list.start, (list.end - list.start) >> 2)) ids.add(id);
  }
  return ids;
}

/** Throws Unsure when the samples are described in several ways, encrypted, or in another file. */
function checkSamples(data: Uint8Array, of: Track): void {
  if (inside(data, of.table.start, of.table.end).some(({ name }) => !IN_TABLE.has(name))) {
    unsure("A table of samples has unknown boxes.");
  }
  const described = child(data, of.table, "stsd");
  const content = data.subarray(described.start, described.end);
  const several = number(data, described.start + 4, 4, described.end) !== 1;
  if (several || nameAt(content, 12).startsWith("enc") || contains(content, "sinf")) {
    unsure("The samples are encrypted, or described in several ways.");
  }
  const places = child(data, of.media, "minf", "dinf", "dref");
  for (const entry of inside(data, places.start + 8, places.end)) {
    if (!(number(data, entry.start, 4, entry.end) & 1)) unsure("The samples are in another file.");
  }
}

function contains(data: Uint8Array, name: string): boolean {
  for (let at = 0; at + 4 <= data.length; at += 1) if (nameAt(data, at) === name) return true;
  return false;
}

interface Run {
  first: number;
  last: number;
  most: number;
}

/** Runs of chunks, numbered from 0 and without the last one, that have so many samples. */
function samplesPerChunk(data: Uint8Array, of: Track, chunkCount: number): Run[] {
  const box = child(data, of.table, "stsc");
  const list = numbers(data, box, box.start + 8, 3 * number(data, box.start + 4, 4, box.end));
  const runs: Run[] = [];
  for (let at = 0; at < list.length; at += 3) {
    const first = list[at]!;
    const last = list[at + 3] ?? chunkCount + 1;
    if (list[at + 2] !== 1 || (at === 0 && first !== 1) || last <= first || last > chunkCount + 1) {
      unsure("The chunks are unusual.");
    }
    runs.push({ first: first - 1, last: last - 1, most: list[at + 1]! });
  }
  return runs;
}
