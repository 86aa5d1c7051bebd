import { isAtsError } from '#libs/errors';
import { fetchSchema, wireSchemaId, type EventCodec, type EventOf, type KafkaRecord } from '#libs/events';
import type { LogReader } from '#libs/stream';
import { EMPTY_STATE, factsOf, rebuildFrom, remembering, type PartitionState, type StatementTopic, type VerifiedFacts } from '#libs/verdict';

/** Records that the first look back from the end takes; transaction markers are among them. */
const FIRST_LOOK = 64n;

/** What is kept of a verified event, in the order that {@link VerifiedFacts} are made of below. */
const FACTS = ['nullifier', 'epoch', 'source.offset', 'source.hash', 'partitionClock', 'epochFloor'] as const;

export interface PartitionMemoryParameters {
  reader: Pick<LogReader, 'earliest' | 'highWatermark' | 'offsetAt' | 'read' | 'readValues'>;
  codec: EventCodec;
  registryUrl: string;
}

/**
 * The state of a source partition, rebuilt from the verified topic's own partition: everything up to the high watermark, as far back as its
 * newest event says that anything still counts.
 * @throws AtsError ATS_LOG_UNREADABLE when the high watermark can't be reached: a state with a gap would let a replay through
 */
export async function rebuildState(topic: StatementTopic, partition: number, { reader, codec, registryUrl }: PartitionMemoryParameters): Promise<PartitionState> {
  const verifiedTopic = `${topic}.verified` as const;
  const end = await reader.highWatermark(verifiedTopic, partition);
  const start = await reader.earliest(verifiedTopic, partition);
  const newest = await newestRecord(start, end);
  if (newest === undefined) return EMPTY_STATE;
  const from = await reader.offsetAt(verifiedTopic, partition, rebuildFrom(await decode(newest.value)));
  const project = codec.projection(verifiedTopic, FACTS);
  const state = remembering();
  for await (const { bytes, count, starts, ends } of reader.readValues(verifiedTopic, partition, from ?? start, end)) {
    for (let i = 0; i < count; i++) state.add(factsAt(bytes, starts[i]!, ends[i]!) ?? factsOf(await decode(starts[i]! < 0 ? null : bytes.subarray(starts[i], ends[i]))));
  }
  return state.done();

  /** The facts of an event of today's schema; null when it is of another. */
  function factsAt(bytes: Buffer, begin: number, finish: number): VerifiedFacts | null {
    const found = begin < 0 ? null : project(bytes, begin, finish);
    if (found === null) return null;
    const [nullifier, epoch, offset, hash, partitionClock, epochFloor] = found as [number, number, number, number, number, number];
    return { nullifier: bytes.subarray(nullifier, nullifier + 32), epoch, offset, hash: bytes.subarray(hash, hash + 32), partitionClock, epochFloor };
  }

  async function newestRecord(lowest: bigint, highest: bigint): Promise<KafkaRecord | undefined> {
    for (let look = FIRST_LOOK; ; look *= 8n) {
      const at = highest - look > lowest ? highest - look : lowest;
      let last: KafkaRecord | undefined;
      for await (const record of reader.read(verifiedTopic, partition, at, highest)) last = record;
      if (last !== undefined || at === lowest) return last;
    }
  }

  /** Only the gate writes this topic; an event of an earlier schema is read through the registry. */
  async function decode(value: Buffer | null): Promise<EventOf<typeof verifiedTopic>> {
    try {
      return codec.decode(verifiedTopic, value);
    } catch (error) {
      if (!isAtsError(error, 'ATS_EVENT_SCHEMA_UNKNOWN')) throw error;
      const id = wireSchemaId(value);
      codec.addWriter(verifiedTopic, id, await fetchSchema(registryUrl, id));
      return codec.decode(verifiedTopic, value);
    }
  }
}
