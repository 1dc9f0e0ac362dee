// MPEG transport streams (ISO/IEC 13818-1), also with the time code of M2TS: all packets but those with pictures.
import type { Found } from "./extract";
import { Plan } from "./plan";
import { microseconds, type Source, unsure, WINDOW } from "./source";

const SYNC = 0x47;
const PACKET = 188;
const NULL = 0x1fff;
// Types of streams with pictures: MPEG-1, 2 and 4, H.264 to H.266, JPEG 2000, AVS, Dirac, VC-1.
const PICTURES = new Set([1, 2, 0x10, 0x1b, 0x1e, 0x1f, 0x20, 0x21, 0x24, 0x25, 0x27, 0x33, 0x42, 0xd1, 0xd2, 0xea]);
// Bytes in which the program is listed.
const PROBE = 8 << 20;
const CLOCK = 90_000n;
// Of the 33 bits of a time stamp: close to the end, ffmpeg lets times begin below zero.
const LATEST = 2 ** 33 - 2 ** 30;

interface Shape {
  /** Bytes of a packet. */
  packet: number;
  /** Bytes in a packet before the sync byte. */
  before: number;
}

/** Null if it is no transport stream. */
export function packetSize(head: Uint8Array): Shape | null {
  for (const before of [0, 4]) {
    const packet = PACKET + before;
    if ([0, 1, 2].every((number) => head[before + number * packet] === SYNC)) return { packet, before };
  }
  return null;
}

/** Throws Unsure when the whole file has to be sent. */
export function extract(source: Source): Found {
  const shape = packetSize(source.get(0, Math.min(400, source.size)));
  if (!shape || source.size % shape.packet) return unsure("There are incomplete packets.");
  const program = new Program(shape);
  const step = Math.floor(WINDOW / shape.packet) * shape.packet;
  for (let at = 0; at < Math.min(source.size, PROBE); at += step) {
    program.find(source.load(at, Math.min(step, source.size - at)));
  }
  const { pictures, others, first } = program;
  if (!pictures.size || !others.size || [...pictures].some((pid) => others.has(pid))) {
    unsure("There is no sound, or there are no pictures.");
  }
  const plan = new Plan();
  for (let at = 0; at < source.size; at += step) program.keep(plan, at, source.load(at, Math.min(step, source.size - at)));
  const times = [...first.values()];
  if (!times.length || Math.max(...times) >= LATEST) unsure("The pictures have no time stamps, or unusual ones.");
  return { plan, start: microseconds(BigInt(Math.min(...times)), CLOCK), duration: null };
}

class Program {
  readonly pictures = new Set<number>();
  readonly others = new Set<number>();
  /** The first time stamp of each stream of pictures. */
  readonly first = new Map<number, number>();
  private mapId: number | null = null;
  /** The sections that list the program (by their PID): they must not change. */
  private readonly tables = new Map<number, Uint8Array>();

  constructor(private readonly shape: Shape) {}

  /** Reads the tables of the program, until both are known. */
  find(data: Uint8Array): void {
    for (let at = this.shape.before; at < data.length && this.tables.size < 2; at += this.shape.packet) {
      const pid = pidOf(data, at);
      if (!(data[at + 1]! & 0x40) || (pid !== 0 && pid !== this.mapId) || this.tables.has(pid)) continue;
      const section = sectionOf(data.subarray(at, at + PACKET)).slice();
      this.tables.set(pid, section);
      if (pid === 0) this.mapId = programOf(section);
      else this.readStreams(section);
    }
  }

  /** Appends the packets without pictures; throws Unsure when the program changes. */
  keep(plan: Plan, start: number, data: Uint8Array): void {
    const { packet, before } = this.shape;
    let begin: number | null = null;
    for (let at = 0; at < data.length; at += packet) {
      const head = at + before;
      if (data[head] !== SYNC) unsure("A packet is damaged.");
      const pid = pidOf(data, head);
      if (pid === NULL || this.pictures.has(pid)) {
        if (begin !== null) plan.copy(start + begin, at - begin);
        begin = null;
        if (data[head + 1]! & 0x40 && pid !== NULL && !this.first.has(pid)) {
          this.first.set(pid, timeOf(data.subarray(head, head + PACKET)));
        }
        continue;
      }
      if (data[head + 1]! & 0x80 || data[head + 3]! & 0xc0) unsure("A packet is damaged or encrypted.");
      if (this.tables.has(pid)) this.check(pid, data.subarray(head, head + PACKET));
      begin ??= at;
    }
    if (begin !== null) plan.copy(start + begin, data.length - begin);
  }

  private check(pid: number, packet: Uint8Array): void {
    const known = this.tables.get(pid)!;
    const section = packet[1]! & 0x40 ? sectionOf(packet) : null;
    if (section?.length !== known.length || section.some((byte, index) => byte !== known[index])) {
      unsure("The program changes.");
    }
  }

  /** Reads the program map table. */
  private readStreams(section: Uint8Array): void {
    const end = section.length - 4;
    let at = 12 + (((section[10]! & 15) << 8) | section[11]!);
    if (section[0] !== 2) unsure("A table is unusual.");
    while (at + 5 <= end) {
      (PICTURES.has(section[at]!) ? this.pictures : this.others).add(pidOf(section, at));
      at += 5 + (((section[at + 3]! & 15) << 8) | section[at + 4]!);
    }
    if (at !== end) unsure("A table is cut.");
  }
}

const pidOf = (data: Uint8Array, at: number): number => ((data[at + 1]! & 31) << 8) | data[at + 2]!;

/** What follows the header and the adaptation field of a packet. */
function payloadOf(packet: Uint8Array): Uint8Array {
  if (!(packet[3]! & 0x10)) unsure("A packet is empty.");
  return packet.subarray(packet[3]! & 0x20 ? 5 + packet[4]! : 4);
}

/** The only section of a packet; throws Unsure when there are several, or when it does not end there. */
function sectionOf(packet: Uint8Array): Uint8Array {
  const payload = payloadOf(packet);
  const section = payload.subarray(1 + (payload[0] ?? 0));
  if (section.length < 12) unsure("A table is cut.");
  const length = 3 + (((section[1]! & 15) << 8) | section[2]!);
  if (length < 12 || length > section.length || section.subarray(length).some((byte) => byte !== 0xff) || payload[0]) {
    unsure("A table is unusual.");
  }
  return section.subarray(0, length);
}

/** The PID of the map of the only program, from the program association table. */
function programOf(section: Uint8Array): number {
  const maps: number[] = [];
  for (let at = 8; at < section.length - 4; at += 4) {
    if (section[at]! | section[at + 1]!) maps.push(pidOf(section, at + 1));
  }
  const [map] = maps;
  return section[0] === 0 && maps.length === 1 && map ? map : unsure("There is no single program.");
}

/** The time stamp with which a packetised stream begins; throws Unsure without one. */
function timeOf(packet: Uint8Array): number {
  const head = payloadOf(packet);
  if (head.length < 14 || head[0] || head[1] || head[2] !== 1 || !(head[7]! & 0x80)) {
    unsure("The pictures have no time stamp.");
  }
  return ((head[9]! >> 1) & 7) * 2 ** 30 + ((head[10]! << 22) | ((head[11]! >> 1) << 15) | (head[12]! << 7) | (head[13]! >> 1));
}
