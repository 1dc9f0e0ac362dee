// The boxes of MP4 and QuickTime (ISO/IEC 14496-12).
import { bigEndian, type Source, unsure } from "./source";

// Boxes at the top level (ten hours of fragments have some 100,000), and in another box.
const MOST_TOP = 250_000;
const MOST_INSIDE = 256;

export interface Box {
  name: string;
  /** Where its header begins. */
  at: number;
  /** Where its content begins. */
  start: number;
  end: number;
}

/** The boxes of a file, which end exactly where it ends; throws Unsure otherwise. */
export function topLevel(source: Source): Box[] {
  const found: Box[] = [];
  for (let at = 0; at < source.size; at = found.at(-1)!.end) {
    if (found.length >= MOST_TOP) unsure("There are too many boxes.");
    found.push(read(source.get(at, Math.min(16, source.size - at)), at, source.size));
  }
  return found;
}

/** The boxes between two offsets; throws Unsure for sizes that are wrong. */
export function inside(data: Uint8Array, start: number, end: number): Box[] {
  const found: Box[] = [];
  // QuickTime ends some lists with a zero of four bytes.
  for (let at = start; end - at >= 8; at = found.at(-1)!.end) {
    if (found.length >= MOST_INSIDE) unsure("There are too many boxes.");
    found.push(read(data.subarray(at, Math.min(at + 16, end)), at, end));
  }
  return found;
}

/** The box at the path of these names; throws Unsure unless there is exactly one of each. */
export function child(data: Uint8Array, box: Box, ...names: string[]): Box {
  return names.reduce((outer, name) => optional(data, outer, name) ?? unsure(`There is no box ${name}.`), box);
}

/** The box of this name; throws Unsure when there are several. */
export function optional(data: Uint8Array, box: Box, name: string): Box | undefined {
  const found = inside(data, box.start, box.end).filter((one) => one.name === name);
  if (found.length > 1) unsure(`There are several boxes ${name}.`);
  return found[0];
}

/** The unsigned number there; throws Unsure when it does not end before `end`. */
export function number(data: Uint8Array, at: number, length: number, end: number): number {
  if (at + length > end) unsure("A box is too short.");
  return bigEndian(data, at, length);
}

/** The signed number of 32 or 64 bits there. */
export function signed(data: Uint8Array, at: number, length: number, end: number): bigint {
  if (at + length > end) unsure("A box is too short.");
  let value = 0n;
  for (let index = at; index < at + length; index += 1) value = value * 256n + BigInt(data[index]!);
  return BigInt.asIntN(8 * length, value);
}

/** `count` unsigned numbers of 32 bits; throws Unsure when the box is too short for them. */
export function numbers(data: Uint8Array, box: Box, at: number, count: number): Uint32Array {
  if (at + 4 * count > box.end) unsure("A box is too short.");
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return Uint32Array.from({ length: count }, (_, index) => view.getUint32(at + 4 * index));
}

export const nameAt = (data: Uint8Array, at: number): string => String.fromCharCode(...data.subarray(at, at + 4));

export const nameBytes = (name: string): Uint8Array => Uint8Array.from(name, (letter) => letter.charCodeAt(0));

/** Reads a header: a size of 1 is followed by a longer one, and 0 is up to the limit. */
function read(header: Uint8Array, at: number, limit: number): Box {
  if (header.length < 8) unsure("A box is cut.");
  let size = bigEndian(header, 0, 4);
  let start = at + 8;
  if (size === 1) {
    if (header.length < 16) unsure("A box is cut.");
    size = bigEndian(header, 8, 8);
    start = at + 16;
  }
  const end = size === 0 ? limit : at + size;
  if (!(start <= end && end <= limit)) unsure("A box has a wrong size.");
  return { name: nameAt(header, 4), at, start, end };
}
