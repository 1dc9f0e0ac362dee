// Matroska and WebM (RFC 9559): the tracks of sound, and their blocks in all clusters.
import { type Element, element, header, inside, real, UNKNOWN, vintLength } from "./ebml";
import type { Found } from "./extract";
import { Plan } from "./plan";
import { bigEndian, joined, microseconds, type Source, unsure } from "./source";

const EBML = 0x1a45dfa3;
const SEGMENT = 0x18538067;
const CLUSTER = 0x1f43b675;
const INFO = 0x1549a966;
const TRACKS = 0x1654ae6b;
const CHAPTERS = 0x1043a770;
const TAGS = 0x1254c367;
// With the list of other elements, the index and the attachments.
const TOP = new Set([INFO, TRACKS, CLUSTER, CHAPTERS, TAGS, 0x114d9b74, 0x1c53bb6b, 0x1941a469]);
const VOID = 0xec;
const CRC = 0xbf;
const TIMESTAMP = 0xe7;
const SIMPLE_BLOCK = 0xa3;
const GROUP = 0xa0;
const BLOCK = 0xa1;
// With positions and sizes of clusters.
const IN_CLUSTER = new Set([TIMESTAMP, SIMPLE_BLOCK, GROUP, VOID, CRC, 0xa7, 0xab]);
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
const PICTURES = 1;
const SOUND = 2;
// Subtitles, buttons and metadata are dropped too.
const OTHERS = [0x11, 0x12, 0x21];
const LARGEST = 8 << 20; // bytes of Info and Tracks
const NANOSECONDS = 1_000_000_000;

/** Throws Unsure when the whole file has to be sent. */
export function extract(source: Source): Found {
  const first = element(source, 0, source.size);
  if (first.id !== EBML || first.end === UNKNOWN) unsure("The header is unusual.");
  const outer = element(source, first.end, source.size);
  if (outer.id !== SEGMENT || (outer.end !== UNKNOWN && outer.end !== source.size)) unsure("There is no single segment.");
  const segment = new Segment(source);
  for (let at = outer.start; at < source.size; ) at = segment.add(element(source, at, source.size));
  return segment.finish(first.end);
}

class Segment {
  /** Nanoseconds of a unit of time. */
  private scale = 1_000_000;
  private duration: number | null = null;
  /** The type of each track. */
  private readonly kinds = new Map<number, number>();
  /** The time stamp of the first block of each track. */
  private readonly first = new Map<number, number>();
  private info: Uint8Array | null = null;
  private tracks: Uint8Array | null = null;
  /** What comes before the clusters. */
  private readonly early = new Plan();
  private readonly clusters = new Plan();

  constructor(private readonly source: Source) {}

  /** Reads an element; returns where the next one is. */
  add(one: Element): number {
    if (one.id === CLUSTER) return this.addCluster(one);
    if (one.end === UNKNOWN || !(TOP.has(one.id) || one.id === VOID || one.id === CRC)) unsure("An element is unknown.");
    if (one.id === INFO || one.id === TRACKS) {
      if (one.end - one.start > LARGEST) unsure("An element is too large.");
      const data = this.source.get(one.at, one.end - one.at).slice();
      const content = one.start - one.at;
      if (one.id === INFO && !this.info) this.info = this.changedInfo(data, content);
      else if (one.id === TRACKS && !this.tracks) this.tracks = this.keptTracks(data, content);
      else unsure("An element is there twice.");
    } else if (one.id === CHAPTERS || one.id === TAGS) {
      this.early.copy(one.at, one.end - one.at);
    }
    return one.end;
  }

  /** What was found; the file's header has `head` bytes. */
  finish(head: number): Found {
    const { info, tracks, early, clusters } = this;
    if (!info || !tracks || !clusters.count) return unsure("There is no sound.");
    const plan = new Plan();
    plan.copy(0, head);
    const size = info.length + tracks.length + early.length + clusters.length;
    plan.literal(joined([header(SEGMENT, size), info, tracks]));
    plan.extend(early);
    plan.extend(clusters);
    return { plan, start: this.start(), duration: this.duration };
  }

  /** Microseconds: the first time stamp of the pictures. */
  private start(): number {
    const stamps = [...this.first].filter(([track]) => this.kinds.get(track) === PICTURES).map(([, stamp]) => stamp);
    if (!stamps.length) unsure("There are no pictures.");
    const start = Math.min(...stamps);
    for (const [track, stamp] of this.first) {
      if (stamp < start && OTHERS.includes(this.kinds.get(track)!)) unsure("Subtitles begin before the pictures.");
    }
    return microseconds(BigInt(start) * BigInt(this.scale), BigInt(NANOSECONDS));
  }

  /** The element without the duration, which counts the pictures too. */
  private changedInfo(data: Uint8Array, start: number): Uint8Array {
    let duration: number | null = null;
    for (const one of inside(data, start)) {
      const content = data.slice(one.start, one.end);
      if (one.id === SCALE) this.scale = bigEndian(content);
      if (one.id === DURATION) duration = real(content);
      if (one.id === DURATION || one.id === CRC) {
        const size = one.end - one.at;
        if (size > 100) unsure("An element is too large.");
        data.fill(0, one.at, one.end);
        data.set([VOID, 0x80 | (size - 2)], one.at);
      }
    }
    if (!(this.scale > 0 && this.scale <= NANOSECONDS)) unsure("The time scale is unusual.");
    const seconds = ((duration ?? 0) * this.scale) / NANOSECONDS;
    this.duration = seconds > 0 && seconds < 1e9 ? seconds : null;
    return data;
  }

  /** The element with the tracks of sound only. */
  private keptTracks(data: Uint8Array, start: number): Uint8Array {
    const kept: Uint8Array[] = [];
    for (const one of inside(data, start)) {
      if (one.id === TRACK) {
        const [number, kind] = track(data, one);
        const known = kind === PICTURES || kind === SOUND || OTHERS.includes(kind);
        if (!known || !number || this.kinds.has(number)) unsure("A track is unusual.");
        this.kinds.set(number, kind);
        if (kind === SOUND) kept.push(data.subarray(one.at, one.end));
      } else if (one.id !== VOID && one.id !== CRC) {
        unsure("An element is unknown.");
      }
    }
    const kinds = [...this.kinds.values()];
    if (!kinds.includes(PICTURES) || !kinds.includes(SOUND)) unsure("There is no sound, or there are no pictures.");
    const content = joined(kept);
    return joined([header(TRACKS, content.length), content]);
  }

  /** Appends the time stamp and the blocks of sound; returns where the next element is. */
  private addCluster(cluster: Element): number {
    if (!this.tracks) unsure("A cluster comes before the tracks.");
    const unknown = cluster.end === UNKNOWN;
    const limit = unknown ? this.source.size : cluster.end;
    let stamp: Element | null = null;
    const blocks = new Plan();
    let at = cluster.start;
    while (at < limit) {
      const one = element(this.source, at, limit);
      if (unknown && TOP.has(one.id)) break;
      if (one.end === UNKNOWN || !IN_CLUSTER.has(one.id)) unsure("An element is unknown.");
      if (one.id === TIMESTAMP) {
        if (stamp) unsure("A cluster has two time stamps.");
        stamp = one;
      } else if ((one.id === SIMPLE_BLOCK || one.id === GROUP) && this.isSound(one, stamp)) {
        blocks.copy(one.at, one.end - one.at);
      }
      at = one.end;
    }
    if (stamp && blocks.length) {
      const length = stamp.end - stamp.at;
      this.clusters.literal(header(CLUSTER, length + blocks.length));
      this.clusters.copy(stamp.at, length);
      this.clusters.extend(blocks);
    }
    return at;
  }

  /** Whether the block belongs to a track of sound; records the first time stamp of its track. */
  private isSound(one: Element, stamp: Element | null): boolean {
    if (!stamp || stamp.end - stamp.start > 8) return unsure("A cluster has no time stamp.");
    const block = one.id === SIMPLE_BLOCK ? one : this.blockOf(one);
    const head = this.source.get(block.start, Math.min(8, block.end - block.start));
    const length = vintLength(head);
    if (head.length < length + 2) unsure("A block is cut.");
    const bytes = head.slice(0, length);
    bytes[0]! &= 0xff >> length;
    const number = bigEndian(bytes);
    const kind = this.kinds.get(number) ?? unsure("A block has an unknown track.");
    if (!this.first.has(number)) {
      const relative = (bigEndian(head, length, 2) << 16) >> 16;
      this.first.set(number, bigEndian(this.source.get(stamp.start, stamp.end - stamp.start)) + relative);
    }
    return kind === SOUND;
  }

  private blockOf(group: Element): Element {
    for (let at = group.start; at < group.end; ) {
      const one = element(this.source, at, group.end);
      if (one.end === UNKNOWN) break;
      if (one.id === BLOCK) return one;
      at = one.end;
    }
    return unsure("A group has no block.");
  }
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
