// The output as a list of segments: ranges of the video, or bytes of their own. It is never stored as a whole. It is the
// same for the same video, its length is known before anything is sent, and it can be read at any offset. So an
// interrupted upload continues with a plan that was made again.
import { GAP, type Read, unsure, WINDOW } from "./source";

// Segments and bytes of their own that are kept in memory at most.
const MOST_SEGMENTS = 4 << 20;
const MOST_BYTES = 64 << 20;

export class Plan {
  length = 0;
  count = 0;
  // Where a segment starts in the video; -1 - n for the literal n.
  private starts = new Float64Array(16);
  // Where it ends in the output.
  private ends = new Float64Array(16);
  private readonly literals: Uint8Array[] = [];
  private kept = 0;

  /** Appends a range of the video; throws Unsure when there are too many. */
  copy(start: number, length: number): void {
    const last = this.count - 1;
    if (last >= 0 && this.starts[last]! >= 0 && this.starts[last]! + this.lengthOf(last) === start) {
      this.length += length;
      this.ends[last] = this.length;
      return;
    }
    this.append(start, length);
  }

  /** Appends bytes; throws Unsure when there are too many. */
  literal(data: Uint8Array): void {
    this.kept += data.length;
    if (this.kept > MOST_BYTES) unsure("The index is too large.");
    this.literals.push(data);
    this.append(-this.literals.length, data.length);
  }

  /** Appends the segments of another plan. */
  extend(other: Plan): void {
    for (let number = 0; number < other.count; number += 1) {
      const start = other.starts[number]!;
      if (start >= 0) this.copy(start, other.lengthOf(number));
      else this.literal(other.literals[-1 - start]!);
    }
  }

  /** The bytes of the output there; `read` is the video's. Throws Unsure when the video became shorter. */
  read(read: Read, from: number, length: number): Uint8Array<ArrayBuffer> {
    const end = Math.min(from + length, this.length);
    const output = new Uint8Array(Math.max(0, end - from));
    let window: Uint8Array = new Uint8Array(0);
    let windowAt = 0;
    let number = this.find(from);
    for (let at = from; at < end; number += 1) {
      const start = this.starts[number]!;
      const skip = at - (this.ends[number]! - this.lengthOf(number));
      const part = Math.min(this.ends[number]! - at, end - at);
      let found: Uint8Array;
      if (start < 0) {
        found = this.literals[-1 - start]!.subarray(skip, skip + part);
      } else {
        const first = start + skip;
        if (first < windowAt || first + part > windowAt + window.length) {
          windowAt = first;
          window = read(first, this.joinedLength(number, first, part, end - at));
        }
        found = window.subarray(first - windowAt, first - windowAt + part);
      }
      if (found.length !== part) unsure("The file became shorter.");
      output.set(found, at - from);
      at += part;
    }
    return output;
  }

  /** How many bytes from `first` are read at once: with the segments that follow closely. */
  private joinedLength(number: number, first: number, part: number, wanted: number): number {
    let last = first + part;
    let left = wanted - part;
    for (let next = number + 1; left > 0 && next < this.count; next += 1) {
      const start = this.starts[next]!;
      const size = Math.min(this.lengthOf(next), left);
      if (start >= 0) {
        if (start < last || start > last + GAP || start + size - first > WINDOW) break;
        last = start + size;
      }
      left -= size;
    }
    return last - first;
  }

  /** The segment with the byte at an offset. */
  private find(at: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.ends[middle]! <= at) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private lengthOf(number: number): number {
    return this.ends[number]! - (number > 0 ? this.ends[number - 1]! : 0);
  }

  private append(start: number, length: number): void {
    if (this.count >= MOST_SEGMENTS) unsure("The sound is in too many places.");
    if (this.count === this.starts.length) {
      this.starts = grown(this.starts);
      this.ends = grown(this.ends);
    }
    this.length += length;
    this.starts[this.count] = start;
    this.ends[this.count] = this.length;
    this.count += 1;
  }
}

function grown(list: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const longer = new Float64Array(2 * list.length);
  longer.set(list);
  return longer;
}
