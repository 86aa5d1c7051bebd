import { join } from 'node:path';
import { AtsError } from '#libs/errors';
import type { KafkaRecord } from '#libs/events';
import type { ArchiveFile, ArchiveFolder } from './archive-folder.js';
import { prefixedLength, readFrames } from './frames.js';
import { decodeRecord, encodeRecord, frameOffset } from './record-frame.js';

/** A file is closed, and the next begun, once it has this many bytes. */
const SEGMENT_BYTES = 64 << 20;
/** Frames are written together once they have this many bytes. */
const WRITE_BYTES = 1 << 20;

/** Records of a partition in one file. */
export interface Segment { file: string; from: string; records: number }

/** What an archive holds of a partition: every committed record in [from, to). Offsets are decimal texts. */
export interface ArchivedPartition { topic: string; partition: number; from: string; to: string; segments: Segment[] }

/** Where records come from. */
export interface RecordReader { read(topic: string, partition: number, from: bigint, to: bigint): AsyncIterable<KafkaRecord> }

/** Writes the committed records of a partition in [from, to) into an archive. */
export async function exportRecords(folder: ArchiveFolder, source: RecordReader, { topic, partition, from, to, onRecord }:
{ topic: string; partition: number; from: bigint; to: bigint; onRecord?: () => void }): Promise<ArchivedPartition> {
  const segments: Segment[] = [];
  let file: ArchiveFile | undefined;
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  const flush = async () => {
    if (pending.length > 0) await file!.append(Buffer.concat(pending));
    pending = [];
    pendingBytes = 0;
  };
  try {
    for await (const record of source.read(topic, partition, from, to)) {
      if (file === undefined) {
        const path = `records/${topic}/${partition}/${String(record.offset).padStart(20, '0')}.records`;
        file = await folder.create(path);
        segments.push({ file: path, from: String(record.offset), records: 0 });
      }
      const frame = encodeRecord(record);
      pending.push(frame);
      pendingBytes += frame.length;
      segments.at(-1)!.records++;
      onRecord?.();
      if (pendingBytes < WRITE_BYTES) continue;
      await flush();
      if (file.bytes < SEGMENT_BYTES) continue;
      await file.close();
      file = undefined;
    }
    await flush();
  } finally {
    await file?.close();
  }
  return { topic, partition, from: String(from), to: String(to), segments };
}

/** Partitions of one archive, and where its files are. */
export interface ArchivedRecords { dir: string; partitions: readonly ArchivedPartition[] }

/** A segment, and the offsets [first, end) that its records may have: it ends where the next one, or the archive's part of the partition, does. */
interface Stretch { file: string; path: string; first: bigint; end: bigint; records: number }

/** The records of an archive, or of several that continue each other, as a reader of the topics finds them. */
export class RecordArchive {
  readonly #places = new Map<string, { from: bigint; to: bigint; stretches: Stretch[] }>();
  readonly #partitions = new Map<string, number>();

  /** @throws AtsError ATS_ARCHIVE_INVALID when an archive does not begin where the one before it ends, or its segments are not in order and within its bounds */
  constructor(archives: readonly ArchivedRecords[]) {
    for (const { dir, partitions } of archives) {
      const seen = new Set<string>();
      for (const archived of partitions) {
        const { topic, partition } = archived;
        const place = `${topic}/${partition}`;
        if (seen.has(place)) throw invalid(`${dir} names ${place} twice`);
        seen.add(place);
        const own = { from: BigInt(archived.from), to: BigInt(archived.to), stretches: stretchesOf(dir, archived) };
        const known = topic === 'audit-log' ? undefined : this.#places.get(place); // each has all of audit-log
        if (known !== undefined && known.to !== own.from) throw invalid(`${place} of ${dir} begins at ${own.from}, the archive before it ends at ${known.to}`, 'Name archives that continue each other, in order.');
        this.#places.set(place, known === undefined ? own : { from: known.from, to: own.to, stretches: [...known.stretches, ...own.stretches] });
        this.#partitions.set(topic, Math.max(this.#partitions.get(topic) ?? 0, partition + 1));
      }
    }
  }

  /** As many as the topic had when it was exported. */
  async partitions(topic: string): Promise<number> {
    return this.#partitions.get(topic) ?? 0;
  }

  /** What there is of the partition; nothing of one that no archive names. */
  async bounds(topic: string, partition: number): Promise<{ from: bigint; to: bigint }> {
    const { from, to } = this.#places.get(`${topic}/${partition}`) ?? { from: 0n, to: 0n };
    return { from, to };
  }

  /** @throws AtsError ATS_ARCHIVE_DAMAGED when offsets do not rise or leave the segment's bounds, or records are not as many as the manifest says */
  async *read(topic: string, partition: number, from: bigint, to: bigint): AsyncGenerator<KafkaRecord, void, undefined> {
    const { stretches } = this.#places.get(`${topic}/${partition}`) ?? { stretches: [] };
    for (const { path, file, first, end, records } of stretches) {
      if (end <= from || first >= to) continue;
      let last = first - 1n;
      let count = 0;
      for await (const frames of readFrames(path, prefixedLength)) {
        for (const { bytes } of frames) {
          const offset = frameOffset(bytes);
          if (offset <= last) throw damaged(`${file}: offset ${offset} comes after ${last}`);
          if (offset >= end) throw damaged(`${file}: offset ${offset} is not below ${end}, where it ends by the manifest`);
          last = offset;
          count++;
          if (offset >= from && offset < to) yield decodeRecord(topic, partition, bytes);
        }
      }
      if (count !== records) throw damaged(`${file}: ${count} records, the manifest says ${records}`);
    }
  }

  async close(): Promise<void> {
    // Files are open only while they are read.
  }
}

function stretchesOf(dir: string, { topic, partition, from, to, segments }: ArchivedPartition): Stretch[] {
  let least = BigInt(from);
  const stretches = segments.map(({ file, from: first, records }, i) => ({ file, path: join(dir, file), first: BigInt(first), end: BigInt(segments[i + 1]?.from ?? to), records }));
  for (const { file, first, end } of stretches) {
    if (first < least || end <= first) throw invalid(`${file} has offsets ${first} to ${end} by the manifest, out of their turn in ${topic}/${partition} from ${from} to ${to}`);
    least = end;
  }
  if (least > BigInt(to)) throw invalid(`${topic}/${partition} of ${dir} goes from ${from} to ${to} by the manifest`);
  return stretches;
}

function invalid(why: string, todo?: string): AtsError {
  return new AtsError('ATS_ARCHIVE_INVALID', why, todo === undefined ? {} : { todo });
}

function damaged(why: string): AtsError {
  return new AtsError('ATS_ARCHIVE_DAMAGED', why);
}
