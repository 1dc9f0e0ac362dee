// Matroska and WebM (RFC 9559): the tracks of sound, and their blocks in all clusters.
import { type Element, element, header, UNKNOWN, vintLength } from "./ebml";
import type { Found } from "./extract";
import { CRC, INFO, type Info, NANOSECONDS, PICTURES, readInfo, readTracks, SOUND, TRACKS, type Tracks, VOID } from "./matroskaHeaders";
import { Plan } from "./plan";
import { bigEndian, joined, microseconds, type Source, unsure } from "./source";

const EBML = 0x1a45dfa3;
const SEGMENT = 0x18538067;
const CLUSTER = 0x1f43b675;
const CHAPTERS = 0x1043a770;
const TAGS = 0x1254c367;
// With the list of other elements, the index and the attachments.
const TOP = new Set([INFO, TRACKS, CLUSTER, CHAPTERS, TAGS, 0x114d9b74, 0x1c53bb6b, 0x1941a469]);
const TIMESTAMP = 0xe7;
const SIMPLE_BLOCK = 0xa3;
const GROUP = 0xa0;
const BLOCK = 0xa1;
// With positions and sizes of clusters.
const IN_CLUSTER = new Set([TIMESTAMP, SIMPLE_BLOCK, GROUP, VOID, CRC, 0xa7, 0xab]);
const LARGEST = 8 << 20; // bytes of Info and Tracks

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
  private info: Info | null = null;
  private tracks: Tracks | null = null;
  /** The time stamp of the first block of each track. */
  private readonly first = new Map<number, number>();
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
      if (one.id === INFO && !this.info) this.info = readInfo(data, content);
      else if (one.id === TRACKS && !this.tracks) this.tracks = readTracks(data, content);
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
    const size = info.element.length + tracks.element.length + early.length + clusters.length;
    plan.literal(joined([header(SEGMENT, size), info.element, tracks.element]));
    plan.extend(early);
    plan.extend(clusters);
    const start = BigInt(this.start(tracks)) * BigInt(info.scale);
    return { plan, start: microseconds(start, BigInt(NANOSECONDS)), duration: info.duration };
  }

  /** The first time stamp of the pictures. */
  private start({ kinds }: Tracks): number {
    const stamps = [...this.first].filter(([track]) => kinds.get(track) === PICTURES).map(([, stamp]) => stamp);
    if (!stamps.length) unsure("There are no pictures.");
    const start = Math.min(...stamps);
    for (const [track, stamp] of this.first) {
      const kind = kinds.get(track);
      if (stamp < start && kind !== PICTURES && kind !== SOUND) unsure("Subtitles begin before the pictures.");
    }
    return start;
  }

  /** Appends the time stamp and the blocks of sound; returns where the next element is. */
  private addCluster(cluster: Element): number {
    const kinds = (this.tracks ?? unsure("A cluster comes before the tracks.")).kinds;
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
      } else if ((one.id === SIMPLE_BLOCK || one.id === GROUP) && this.isSound(kinds, one, stamp)) {
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
  private isSound(kinds: Tracks["kinds"], one: Element, stamp: Element | null): boolean {
    if (!stamp || stamp.end - stamp.start > 8) return unsure("A cluster has no time stamp.");
    const block = one.id === SIMPLE_BLOCK ? one : this.blockOf(one);
    const head = this.source.get(block.start, Math.min(8, block.end - block.start));
    const length = vintLength(head);
    if (head.length < length + 2) unsure("A block is cut.");
    const bytes = head.slice(0, length);
    bytes[0]! &= 0xff >> length;
    const number = bigEndian(bytes);
    const kind = kinds.get(number) ?? unsure("A block has an unknown track.");
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
