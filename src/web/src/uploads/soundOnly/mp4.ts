// MP4 and QuickTime: the tracks of sound and text, with their chunks one after the other.
import { type Box, topLevel } from "./boxes";
import type { Found } from "./extract";
import { extract as fragments } from "./fragments";
import { header, MovieIndex } from "./movieIndex";
import { Plan } from "./plan";
import { bytesOf, joined, type Source, unsure } from "./source";
import { chunkSizes, offsetsAt, offsetsOf, PICTURES, SOUND, startOf } from "./tracks";

const TOP = new Set(["ftyp", "moov", "mdat", "free", "skip", "wide", "uuid", "pdin"]);
const OF_FRAGMENTS = new Set(["moof", "sidx", "ssix", "styp", "mfra", "emsg", "prft"]);
const HEADER = 16; // bytes of that of `mdat`

interface Chunk {
  /** Where it is in the file. */
  start: number;
  /** Bytes that its samples need. */
  size: number;
  /** Where its offset is in the index. */
  at: number;
  /** Bytes of its offset. */
  width: number;
}

/** Throws Unsure when the whole file has to be sent. */
export function extract(source: Source): Found {
  const top = topLevel(source);
  if (top[0]?.name !== "ftyp" || top.some(({ name }) => !TOP.has(name) && !OF_FRAGMENTS.has(name))) {
    unsure("There are unknown boxes.");
  }
  const index = new MovieIndex(source, top);
  const fragmented = index.fragmented || top.some(({ name }) => OF_FRAGMENTS.has(name));
  const [plan, start] = fragmented ? fragments(source, top, index) : whole(top, index);
  if (start > 0 && index.tracks.some(({ kind }) => kind !== SOUND && kind !== PICTURES)) {
    unsure("Data may begin before the pictures.");
  }
  return { plan, start, duration: index.duration };
}

/** A file whose samples are all in the index. Chunks are copied up to the next one of any track. */
function whole(top: Box[], index: MovieIndex): [Plan, number] {
  const { data } = index;
  const pictures = index.tracks.filter(({ kind }) => kind === PICTURES);
  const start = Math.min(...pictures.map((track) => startOf(data, track, index.scale)));
  const media = top.filter(({ name }) => name === "mdat");
  const begins = Float64Array.from(media, (box) => box.start);
  const ends = Float64Array.from([
    ...media.map((box) => box.end),
    ...index.tracks.flatMap((track) => offsetsOf(data, track)),
  ]).sort();
  const head = top[0]!.end + index.length + HEADER;
  const body = new Plan();
  for (const chunk of chunks(index)) {
    const box = media[after(begins, chunk.start) - 1];
    const end = ends[after(ends, chunk.start)]!;
    if (!box || chunk.start >= box.end || chunk.start + chunk.size > end) {
      unsure("A chunk overlaps another one, or is outside of the data.");
    }
    const moved = head + body.length;
    if (moved >= 2 ** (8 * chunk.width)) unsure("The sound is too large.");
    data.set(bytesOf(moved, chunk.width), chunk.at);
    body.copy(chunk.start, end - chunk.start);
  }
  if (!body.length) unsure("There is no sound.");
  const plan = new Plan();
  plan.copy(0, top[0]!.end);
  plan.literal(joined([index.written(), header("mdat", body.length, true)]));
  plan.extend(body);
  return [plan, start];
}

/** The chunks of all tracks that are kept, in the order in which they are in the file. */
function chunks(index: MovieIndex): Chunk[] {
  const found: Chunk[] = [];
  for (const track of index.tracks.filter(({ kept }) => kept)) {
    const { at, width } = offsetsAt(index.data, track);
    const starts = offsetsOf(index.data, track);
    const sizes = chunkSizes(index.data, track, starts.length);
    starts.forEach((start, number) => found.push({ start, size: sizes[number]!, at: at + number * width, width }));
  }
  return found.sort((one, other) => one.start - other.start || one.size - other.size || one.at - other.at);
}

/** How many numbers of a sorted list are at most `value`. */
function after(sorted: Float64Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}
