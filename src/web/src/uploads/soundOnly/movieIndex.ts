// The index (`moov`) of an MP4 or QuickTime file, and the same without the tracks that are dropped.
import { type Box, child, inside, nameBytes, optional } from "./boxes";
import { bytesOf, joined, type Source, unsure } from "./source";
import { timescale, type Track, tracks } from "./tracks";

// Bytes; ten hours need 20 MB.
const LARGEST = 64 << 20;

export class MovieIndex {
  readonly data: Uint8Array;
  readonly root: Box;
  readonly tracks: Track[];
  /** Units per second of the whole presentation. */
  readonly scale: number;
  /** Seconds, if they are declared. */
  readonly duration: number | null;

  /** Throws Unsure unless there is exactly one index in which nothing is unusual. */
  constructor(source: Source, top: Box[]) {
    const boxes = top.filter(({ name }) => name === "moov");
    const [box] = boxes;
    if (!box || boxes.length > 1 || box.end - box.at > LARGEST) unsure("There is no single index, or it is too large.");
    // A copy, because its offsets are changed.
    this.data = source.load(box.at, box.end - box.at).slice();
    this.root = { name: box.name, at: 0, start: box.start - box.at, end: this.data.length };
    const [scale, duration] = timescale(this.data, child(this.data, this.root, "mvhd"));
    this.scale = scale;
    this.duration = duration / scale || null;
    this.tracks = tracks(this.data, this.root);
  }

  get fragmented(): boolean {
    return optional(this.data, this.root, "mvex") !== undefined;
  }

  /** Bytes of `written`. */
  get length(): number {
    return this.root.start + this.kept().reduce((sum, box) => sum + box.end - box.at, 0);
  }

  /** The index without the tracks that are dropped. */
  written(): Uint8Array {
    const content = joined(this.kept().map((box) => this.data.subarray(box.at, box.end)));
    return joined([header("moov", content.length, this.root.start !== 8), content]);
  }

  private kept(): Box[] {
    const dropped = new Set(this.tracks.filter((track) => !track.kept).map((track) => track.box.at));
    return inside(this.data, this.root.start, this.root.end).filter((box) => !dropped.has(box.at));
  }
}

/** The header of a box with `length` bytes of content; a long one has a size of 64 bits. */
export function header(name: string, length: number, long: boolean): Uint8Array {
  if (long) return joined([bytesOf(1, 4), nameBytes(name), bytesOf(length + 16, 8)]);
  return joined([bytesOf(length + 8, 4), nameBytes(name)]);
}
