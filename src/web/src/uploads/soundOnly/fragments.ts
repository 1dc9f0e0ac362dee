// Fragmented MP4: of each fragment the parts with sound.
import { type Box, child, inside, number, optional, signed } from "./boxes";
import { header, type MovieIndex } from "./movieIndex";
import { Plan } from "./plan";
import { bytesOf, joined, microseconds, type Source, unsure } from "./source";
import { edits, PICTURES, sampleCount, timescale, type Track } from "./tracks";

const IN_FRAGMENT = new Set(["mfhd", "traf", "free", "skip"]);
const IN_TRACK = new Set(["tfhd", "tfdt", "trun", "sbgp", "sgpd", "subs", "free", "skip"]);
const LARGEST = 16 << 20; // bytes of the header of a fragment
// Flags of `tfhd`, with the bytes of the field that each adds, and of `trun` (ISO/IEC 14496-12, 8.8.7 and 8.8.8).
const BASE = 0x1;
const BASE_IS_FRAGMENT = 0x20000;
const BEFORE_SIZE = [[0x1, 8], [0x2, 4], [0x8, 4]] as const; // prettier-ignore
const DEFAULT_SIZE = 0x10;
const OFFSET = 0x1;
const FIRST_FLAGS = 0x4;
const SIZE = 0x200;
const COMPOSITION = 0x800;
const FIELDS = [0x100, SIZE, 0x400, COMPOSITION];

/** A run of samples in a fragment. */
interface Run {
  /** Where its offset is in the fragment's header. */
  at: number;
  /** Where the offset's base is there, if it has one. */
  base: number | null;
  /** Where its data are in the file. */
  start: number;
  length: number;
}

/** The plan, and the first time stamp of the pictures. */
export function extract(source: Source, top: Box[], index: MovieIndex): [Plan, number] {
  if (index.tracks.some((track) => sampleCount(index.data, track))) {
    unsure("There are samples both in the index and in fragments.");
  }
  const fragments = new Fragments(source.size, index);
  const plan = new Plan();
  for (const box of top) {
    if (box.name === "ftyp") {
      plan.copy(box.at, box.end - box.at);
    } else if (box.name === "moov") {
      plan.literal(index.written());
    } else if (box.name === "moof") {
      if (box.end - box.at > LARGEST) unsure("A fragment is too large.");
      fragments.append(plan, box, source.get(box.at, box.end - box.at));
    }
  }
  if (!fragments.starts.size || plan.count < 3) unsure("There is no sound, or there are no pictures.");
  return [plan, Math.min(...fragments.starts.values())];
}

class Fragments {
  /** The first time stamp of each track of pictures. */
  readonly starts = new Map<number, number>();
  private readonly tracks: Map<number, Track>;
  private readonly defaults: Map<number, number>;

  constructor(
    private readonly size: number,
    private readonly index: MovieIndex,
  ) {
    this.tracks = new Map(index.tracks.map((track) => [track.id, track]));
    this.defaults = defaultSizes(index.data, index.root);
  }

  /** Appends the part with sound of a fragment, whose header is `head`, if there is one. */
  append(plan: Plan, box: Box, head: Uint8Array): void {
    const begin = box.start - box.at;
    const parts: Box[] = [];
    const runs: Run[] = [];
    let first = true;
    for (const part of inside(head, begin, head.length)) {
      if (!IN_FRAGMENT.has(part.name)) unsure("A fragment has unknown boxes.");
      if (part.name === "mfhd") parts.push(part);
      if (part.name === "traf") {
        const found = this.runs(head, part, box.at, first);
        first = false;
        if (found) {
          parts.push(part);
          runs.push(...found);
        }
      }
    }
    if (runs.length) this.write(plan, begin, head, parts, runs);
  }

  /** The runs of a track that is kept; null for another one. */
  private runs(head: Uint8Array, part: Box, at: number, first: boolean): Run[] | null {
    const box = child(head, part, "tfhd");
    const id = number(head, box.start + 4, 4, box.end);
    const track = this.tracks.get(id);
    if (track?.kept) return runsOf(head, part, at, this.defaults.get(id), first);
    if (track?.kind === PICTURES && !this.starts.has(id)) this.starts.set(id, startOf(this.index, track, head, part));
    return null;
  }

  private write(plan: Plan, begin: number, head: Uint8Array, parts: Box[], runs: Run[]): void {
    const content = parts.reduce((sum, part) => sum + part.end - part.at, 0);
    let offset = begin + content + 16;
    const changed = head.slice();
    for (const run of runs) {
      if (run.start + run.length > this.size || offset + run.length >= 2 ** 31) unsure("A run is outside of the file.");
      changed.set(bytesOf(offset, 4), run.at);
      if (run.base !== null) changed.set(bytesOf(plan.length, 8), run.base);
      offset += run.length;
    }
    const body = parts.map((part) => changed.subarray(part.at, part.end));
    const data = runs.reduce((sum, run) => sum + run.length, 0);
    plan.literal(joined([header("moof", content, begin !== 8), ...body, header("mdat", data, true)]));
    for (const run of runs) plan.copy(run.start, run.length);
  }
}

/** The runs of a track in a fragment; throws Unsure when they are not where they say, or may be encrypted. */
function runsOf(head: Uint8Array, part: Box, at: number, usual: number | undefined, first: boolean): Run[] {
  const boxes = inside(head, part.start, part.end);
  if (boxes.some(({ name }) => !IN_TRACK.has(name))) unsure("A fragment has unknown boxes.");
  const box = child(head, part, "tfhd");
  const flags = number(head, box.start, 4, box.end);
  const baseAt = flags & BASE ? box.start + 8 : null;
  const base = baseAt === null ? at : number(head, baseAt, 8, box.end);
  if (baseAt === null && !(flags & BASE_IS_FRAGMENT) && !first) unsure("A fragment depends on the one before.");
  let size = usual;
  if (flags & DEFAULT_SIZE) {
    const place = BEFORE_SIZE.reduce((sum, [flag, bytes]) => sum + (flags & flag ? bytes : 0), box.start + 8);
    size = number(head, place, 4, box.end);
  }
  return boxes.filter(({ name }) => name === "trun").map((run) => {
    if (!(number(head, run.start, 4, run.end) & OFFSET)) unsure("A run depends on the one before.");
    const start = base + Number(signed(head, run.start + 8, 4, run.end));
    const length = lengthOf(head, run, size);
    if (start < 0) unsure("A run is outside of the file.");
    return { at: run.start + 8, base: baseAt, start, length };
  }); // prettier-ignore
}

/** The bytes of all samples of a run. */
function lengthOf(head: Uint8Array, run: Box, usual: number | undefined): number {
  if (number(head, run.start, 4, run.end) & SIZE) return fields(head, run, SIZE).reduce((sum, size) => sum + size, 0);
  return number(head, run.start + 4, 4, run.end) * (usual ?? unsure("A run has no sizes."));
}

/** A field of all samples of a run; throws Unsure when the run is too short for them. */
function fields(head: Uint8Array, run: Box, wanted: number): number[] {
  const flags = number(head, run.start, 4, run.end);
  const count = number(head, run.start + 4, 4, run.end);
  const present = FIELDS.filter((flag) => flags & flag);
  const first = run.start + 8 + (flags & OFFSET ? 4 : 0) + (flags & FIRST_FLAGS ? 4 : 0);
  const width = 4 * present.length;
  if (first + count * width > run.end) unsure("A run is cut.");
  const at = first + 4 * present.indexOf(wanted);
  return Array.from({ length: count }, (_, index) => number(head, at + width * index, 4, run.end));
}

/** How much later each sample of a run is shown than it is decoded. */
function compositions(head: Uint8Array, run: Box): number[] {
  if (number(head, run.start, 4, run.end) & COMPOSITION) return fields(head, run, COMPOSITION).map((value) => value | 0);
  return number(head, run.start + 4, 4, run.end) ? [0] : [];
}

/** For each track the size of samples that have none (`trex`). */
function defaultSizes(data: Uint8Array, root: Box): Map<number, number> {
  const box = optional(data, root, "mvex");
  const boxes = box ? inside(data, box.start, box.end).filter(({ name }) => name === "trex") : [];
  return new Map(boxes.map(({ start, end }) => [number(data, start + 4, 4, end), number(data, start + 16, 4, end)]));
}

/** Microseconds: the first time stamp of a track, from its first fragment, as ffmpeg computes it. */
function startOf(index: MovieIndex, track: Track, head: Uint8Array, part: Box): number {
  const [scale] = timescale(index.data, child(index.data, track.media, "mdhd"));
  const { empty, begin } = edits(index.data, track, index.scale, scale) ?? { empty: 0n, begin: 0n };
  const time = optional(head, part, "tfdt") ?? unsure("A fragment has no time.");
  const width = number(head, time.start, 1, time.end) === 1 ? 8 : 4;
  const decoded = BigInt.asUintN(8 * width, signed(head, time.start + 4, width, time.end));
  const runs = inside(head, part.start, part.end).filter(({ name }) => name === "trun");
  const shown = runs.flatMap((run) => compositions(head, run));
  if (shown.some((value) => value < 0)) unsure("Pictures have negative offsets.");
  return microseconds(decoded + BigInt(shown[0] ?? 0) + empty - begin, BigInt(scale));
}
