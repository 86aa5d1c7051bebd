import { fieldToBytes, type EventOf, type KafkaRecord } from '#libs/events';
import { BLOCK, CODEC, EPOCH, EPOCH_SECONDS, NOW, pseudonym, raw, sha } from '../../../test/support/gate-records.js';
import { rebuildState } from './partition-memory.js';

/** A partition of the verified topic: events at some offsets, transaction markers at the others. */
class VerifiedLog {
  readonly records: KafkaRecord[] = [];
  readonly readFrom: bigint[] = [];
  end = 0n;

  append(event: Partial<EventOf<'telemetry.verified'>>, timestamp = NOW): void {
    const offset = this.end;
    this.end += 2n; // a marker follows
    const value = CODEC.encode('telemetry.verified', {
      source: { topic: 'telemetry', partition: 1, offset: Number(offset), timestamp, hash: sha(`${offset}`) },
      pseudonym, stream: 'load', epoch: EPOCH, policyFamily: 'home', state: 'OK', nullifier: fieldToBytes(offset), commitment: fieldToBytes(1n), circuit: 'telemetry16',
      parameterVersion: 1, registryBlock: { number: 7, hash: BLOCK.hash }, windowEnd: (EPOCH + 1) * EPOCH_SECONDS * 1000, partitionClock: timestamp, epochFloor: EPOCH - 10, late: false,
      ...event,
    });
    this.records.push(raw(value, { topic: 'telemetry.verified', partition: 1, offset, timestamp }));
  }

  get reader() {
    const { records, readFrom } = this;
    return {
      earliest: async () => 0n,
      highWatermark: async () => this.end,
      offsetAt: async (_topic: string, _partition: number, time: number) => records.find(({ timestamp }) => timestamp >= time)?.offset ?? null,
      async *readValues(_topic: string, _partition: number, from: bigint, to: bigint) {
        readFrom.push(from);
        for (const { value, offset } of records.filter((record) => record.offset >= from && record.offset < to)) {
          yield { bytes: Buffer.concat([Buffer.alloc(3), value!]), count: 1, offsets: [Number(offset)], starts: [3], ends: [3 + value!.length] };
        }
      },
      async *read(_topic: string, _partition: number, from: bigint, to: bigint) {
        readFrom.push(from);
        for (const record of records) if (record.offset >= from && record.offset < to) yield record;
      },
    };
  }
}

const rebuild = (log: VerifiedLog) => rebuildState('telemetry', 1, { reader: log.reader, codec: CODEC, registryUrl: 'http://127.0.0.1:1' });

describe('the rebuilt state of a partition', () => {
  it('is empty when nothing was verified', async () => {
    expect(await rebuild(new VerifiedLog())).toMatchObject({ clock: 0, floor: 0 });
  });

  it('has the clock, the floor and every nullifier that still counts', async () => {
    const log = new VerifiedLog();
    for (let i = 0; i < 20; i++) log.append({ epoch: EPOCH - 15 + i, epochFloor: EPOCH - 15 + i - 10, partitionClock: NOW + i }, NOW + i);
    const state = await rebuild(log);
    expect(state).toMatchObject({ clock: NOW + 19, floor: EPOCH - 6 });
    expect([...state.seen.entries()].map(([, { epoch }]) => epoch)).toEqual(Array.from({ length: 11 }, (_, i) => EPOCH - 6 + i));
  });

  it('finds the newest event behind any number of markers', async () => {
    const log = new VerifiedLog();
    log.append({});
    log.end += 5000n;
    expect(await rebuild(log)).toMatchObject({ clock: NOW });
  });

  it('does not read history from before the window', async () => {
    const log = new VerifiedLog();
    const day = 86_400_000;
    for (let i = 0; i < 400; i++) log.append({ epoch: EPOCH - (400 - i) * 2880, epochFloor: 0, partitionClock: NOW - (400 - i) * day }, NOW - (400 - i) * day);
    log.append({ epochFloor: EPOCH - 2880 });
    const state = await rebuild(log);
    expect(log.readFrom.at(-1)).toBeGreaterThanOrEqual(2n * 398n);
    expect(state).toMatchObject({ clock: NOW, floor: EPOCH - 2880 });
  });

  it('is not made of an event that can not be read', async () => {
    const log = new VerifiedLog();
    log.append({});
    log.records[0] = { ...log.records[0]!, value: log.records[0]!.value!.subarray(0, -1) };
    await expect(rebuild(log)).rejects.toThrow(/^ATS_EVENT_MALFORMED/);
  });
});
