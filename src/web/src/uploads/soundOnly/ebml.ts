// The elements of EBML (RFC 8794), of which Matroska consists.
import { bigEndian, bytesOf, joined, Source, unsure } from "./source";

const MOST_INSIDE = 4096;

export interface Element {
  id: number;
  at: number;
  start: number;
  end: number;
}

/** The end of an element whose size is unknown, as in live recordings. */
export const UNKNOWN = Infinity;

/** The elements between two offsets of an element that is in memory. */
export function inside(data: Uint8Array, start: number, limit = data.length): Element[] {
  const source = new Source((at, length) => data.subarray(at, at + length), limit);
  const found: Element[] = [];
  for (let at = start; at < limit; at = found.at(-1)!.end) {
    const one = element(source, at, limit);
    if (one.end === UNKNOWN) unsure("An element has an unknown size.");
    found.push(one);
    if (found.length > MOST_INSIDE) unsure("There are too many elements.");
  }
  return found;
}

/** The header of an element; throws Unsure when it does not end before the limit. */
export function element(source: Source, at: number, limit: number): Element {
  const head = source.get(at, Math.min(12, limit - at));
  const idLength = vintLength(head);
  if (idLength > 4 || head.length <= idLength) unsure("An element is cut.");
  const length = vintLength(head.subarray(idLength));
  const start = idLength + length;
  if (head.length < start) unsure("An element is cut.");
  const bytes = head.slice(idLength, start);
  bytes[0]! &= 0xff >> length;
  const unknown = bytes.every((byte, index) => byte === (index ? 0xff : 0xff >> length));
  const end = unknown ? UNKNOWN : at + start + bigEndian(bytes);
  if (!unknown && end > limit) unsure("An element ends too late.");
  return { id: bigEndian(head, 0, idLength), at, start: at + start, end };
}

export function vintLength(head: Uint8Array): number {
  return head[0] ? Math.clz32(head[0]) - 23 : unsure("A number is invalid.");
}

/** The header of an element, with a size of eight bytes. */
export function header(id: number, size: number): Uint8Array {
  const length = bytesOf(size, 8);
  length[0] = 1;
  return joined([bytesOf(id, id > 0xffffff ? 4 : 1), length]);
}

/** The number of an element of four or eight bytes. */
export function real(data: Uint8Array): number | null {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  if (data.length === 4) return view.getFloat32(0);
  return data.length === 8 ? view.getFloat64(0) : null;
}
