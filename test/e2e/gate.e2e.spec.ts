import { jest } from '@jest/globals';
import { FIELD_MODULUS, fieldToBytes, partitionOf, recordHash, type EventOf, type OutgoingRecord } from '#libs/events';
import { EPOCH_SECONDS, GateWorld, nowEpoch, placeOf } from '../support/gate-world.js';
import { Hanging } from '../support/hanging.js';
import { REQUEST, StallingBroker } from '../support/stalling-broker.js';

/** The gate on a real broker and schema registry, judging what producers may really send. */

jest.setTimeout(180_000);

let world: GateWorld;
let household = 100;

beforeAll(async () => { world = await GateWorld.start(); }, 180_000);
afterAll(async () => { await world?.stop(); }, 60_000);

const fresh = () => ++household;
const withValue = (record: OutgoingRecord, value: Buffer): OutgoingRecord => ({ ...record, value });
const withId = (id: number): OutgoingRecord => {
  const record = world.message({ household: fresh() });
  record.value.writeUInt32BE(id, 1);
  return record;
};
const alias = (bytes: Buffer) => Buffer.from((BigInt(`0x${bytes.toString('hex')}`) + FIELD_MODULUS).toString(16).padStart(64, '0'), 'hex');
const small = fieldToBytes(77n);

it('a proven message becomes a verified event in its own partition, and one audit entry', async () => {
  const message = world.message({ household: fresh(), state: 'WARNING' });
  const [place] = await world.send(message);
  expect(await world.verdicts([place!])).toEqual(['VERIFIED']);

  const { record, event } = (await world.events('telemetry.verified')).find(({ event: { source } }) => placeOf(source) === placeOf(place!))!;
  const [source] = await Array.fromAsync(world.reader.read('telemetry', place!.partition, place!.offset, place!.offset + 1n));
  expect(record).toMatchObject({ partition: place!.partition, key: message.key });
  expect(event).toMatchObject({
    source: { topic: 'telemetry', partition: place!.partition, offset: Number(place!.offset), timestamp: source!.timestamp, hash: recordHash(source!) },
    pseudonym: message.key, stream: 'load', state: 'WARNING', policyFamily: 'home', circuit: 'telemetry16', parameterVersion: 1, late: false,
    partitionClock: source!.timestamp,
  });
  expect(event.windowEnd).toBe((event.epoch + 1) * EPOCH_SECONDS * 1000);
  const block = world.chain.projection.block(event.registryBlock.number)!;
  expect(block.hash).toEqual(event.registryBlock.hash);
  expect(world.chain.projection.registryBlock(source!.timestamp)).toMatchObject({ status: 'found', block: { number: block.number } });
  const headers = Object.fromEntries(record.headers.map(([name, value]) => [name, value?.toString()]));
  expect(headers).toMatchObject({
    ce_specversion: '1.0', ce_id: placeOf(place!), ce_source: '/proof-gate', ce_type: 'attestream.telemetry.verified', 'content-type': 'application/avro',
    traceparent: message.headers['traceparent']!.toString(),
  });
  expect((await world.events('audit-log')).filter(({ event: entry }) => placeOf(entry) === placeOf(place!)).map(({ event: entry }) => entry)).toEqual([{
    topic: 'telemetry', partition: place!.partition, offset: Number(place!.offset), timestamp: source!.timestamp, hash: recordHash(source!), verdict: 'VERIFIED',
    parameterVersion: 1, registryBlock: block.hash,
  }]);
});

it('bad input ends in rejected with its code, the partition moves on, nothing restarts', async () => {
  const pid = world.gate.pid;
  const good = () => world.message({ household: fresh() });
  const used = world.message({ household: fresh() });
  const own = (event: Partial<EventOf<'telemetry'>>, more = {}) => world.message({ household: fresh(), event, ...more });
  const zeroProof = good();
  zeroProof.value.fill(0, zeroProof.value.length - 256);
  const onesProof = good();
  onesProof.value.fill(0xff, onesProof.value.length - 256);
  const stateChanged = good();
  const changed = world.codec.decode('telemetry', stateChanged.value);
  const otherProof = good();
  good().value.subarray(-256).copy(otherProof.value, otherProof.value.length - 256);
  const header = good();
  const keyOf = (record: OutgoingRecord) => record.key!;
  const foreign = good();
  const elsewhere = good();

  const cases: [what: string, record: OutgoingRecord, verdict: string][] = [
    ['garbage bytes', withValue(good(), Buffer.from('not avro at all')), 'MALFORMED'],
    ['exactly 64 KiB of garbage', withValue(good(), Buffer.alloc(65_536, 0xa5)), 'MALFORMED'],
    ['garbage behind a listed schema id', withValue(good(), Buffer.concat([good().value.subarray(0, 5), Buffer.alloc(60_000, 0xff)])), 'MALFORMED'],
    ['an empty value', withValue(good(), Buffer.alloc(0)), 'MALFORMED'],
    ['a null value', withValue(good(), null as unknown as Buffer), 'MALFORMED'],
    ['a null value without a key', { topic: 'telemetry', partition: 1, key: null, value: null as unknown as Buffer, headers: {} }, 'MALFORMED'],
    ['truncated Avro', withValue(good(), good().value.subarray(0, -1)), 'MALFORMED'],
    ['one trailing byte', withValue(good(), Buffer.concat([good().value, Buffer.alloc(1)])), 'MALFORMED'],
    ['a schema id that nobody registered', withId(999_999), 'SCHEMA_UNKNOWN'],
    ['the schema id of another topic', withId(world.ids['bci-intent']), 'SCHEMA_UNKNOWN'],
    ['an alias of the pseudonym', own({ pseudonym: alias(small), proof: Buffer.alloc(256) }), 'FIELD_NOT_CANONICAL'],
    ['an alias of the nullifier', own({ nullifier: alias(small), proof: Buffer.alloc(256) }), 'FIELD_NOT_CANONICAL'],
    ['an alias of the root', own({ root: alias(small), proof: Buffer.alloc(256) }), 'FIELD_NOT_CANONICAL'],
    ['the largest 32 bytes as commitment', own({ commitment: Buffer.alloc(32, 0xff), proof: Buffer.alloc(256) }), 'FIELD_NOT_CANONICAL'],
    ['the largest canonical commitment', own({ commitment: fieldToBytes(FIELD_MODULUS - 1n) }), 'VERIFIED'],
    ['another partition', { ...elsewhere, partition: (partitionOf(keyOf(elsewhere), 4) + 1) % 4 }, 'PARTITION_MISMATCH'],
    ['another household\'s key', { ...foreign, key: keyOf(good()) }, 'KEY_MISMATCH'],
    ['no key', { ...good(), key: null, partition: 2 }, 'KEY_MISMATCH'],
    ['an unknown circuit', own({ circuit: 'telemetry64' }), 'STATEMENT_UNKNOWN'],
    ['a stream without a policy', own({ stream: 'heat' }), 'POLICY_UNKNOWN'],
    ['a stream that is no id', own({ stream: 'Load!', proof: Buffer.alloc(256) }), 'MALFORMED'],
    ['an epoch long past', world.message({ household: fresh(), epoch: 1 }), 'EPOCH_STALE'],
    ['an epoch below zero', own({ epoch: -5, proof: Buffer.alloc(256) }), 'EPOCH_STALE'],
    ['the smallest epoch of the wire', own({ epoch: -(2 ** 52) + 1, proof: Buffer.alloc(256) }), 'EPOCH_STALE'],
    ['an epoch far ahead', world.message({ household: fresh(), epoch: nowEpoch() + 1000 }), 'EPOCH_FUTURE'],
    ['the largest epoch of the wire', world.message({ household: fresh(), epoch: 2 ** 52 - 1 }), 'EPOCH_FUTURE'],
    ['a root that never was', world.message({ household: fresh(), root: 4711n }), 'ROOT_UNKNOWN'],
    ['a proof of zeros', zeroProof, 'PROOF_INVALID'],
    ['a proof of ones', onesProof, 'PROOF_INVALID'],
    ['the proof of another message', otherProof, 'PROOF_INVALID'],
    ['a changed state', withValue(stateChanged, world.codec.encode('telemetry', { ...changed, state: 'CRITICAL' })), 'PROOF_INVALID'],
    ['a changed bound header', { ...header, headers: { ...header.headers, ce_subject: Buffer.from('other') } }, 'PROOF_INVALID'],
    ['a first use of a nullifier', used, 'VERIFIED'],
    ['its byte-identical resend', { ...used }, 'NULLIFIER_SEEN'],
    ['the same nullifier in another message', { ...used, headers: { ...used.headers, extra: Buffer.from('1') } }, 'NULLIFIER_SEEN'],
    ['an odd traceparent and a hundred headers', { ...good(), headers: Object.fromEntries([...Array(100).keys()].map((n) => [`x-${n}`, Buffer.alloc(n)])) }, 'PROOF_INVALID'],
    ['another traceparent', (() => { const record = good(); return { ...record, headers: { ...record.headers, traceparent: Buffer.from([0xff, 0]) } }; })(), 'VERIFIED'],
  ];
  const places = await world.send(...cases.map(([, record]) => record));
  const verdicts = await world.verdicts(places);
  expect(cases.map(([what], i) => [what, verdicts[i]])).toEqual(cases.map(([what, , verdict]) => [what, verdict]));

  const rejected = new Map((await world.events('rejected')).map(({ event, record }) => [placeOf(event.source), { event, record }]));
  for (const [i, [what, , verdict]] of cases.entries()) {
    const entry = rejected.get(placeOf(places[i]!));
    expect([what, entry?.event.reason ?? 'VERIFIED']).toEqual([what, verdict]);
    if (entry) expect(entry.record).toMatchObject({ partition: places[i]!.partition, key: Buffer.from(placeOf(places[i]!)) });
  }
  const at = (what: string) => cases.findIndex(([name]) => name === what);
  const resend = rejected.get(placeOf(places[at('its byte-identical resend')]!))!.event;
  expect(resend.duplicateOf).toBe(Number(places[at('a first use of a nullifier')]!.offset));
  expect(rejected.get(placeOf(places[at('the same nullifier in another message')]!))!.event.duplicateOf).toBeNull();

  const after = await world.send(...[0, 1, 2, 3].map(() => good()));
  expect(await world.verdicts(after)).toEqual(Array(4).fill('VERIFIED'));
  expect(world.gate.pid).toBe(pid);
  expect(await world.gate.metric('attestream_gate_resets_total')).toBe(0);
  expect(await world.gate.metric('attestream_gate_verdicts_total', { topic: 'telemetry', verdict: 'SCHEMA_UNKNOWN' })).toBe(2);
});

it('an intent passes the same checks up to its statement, which no parameter set has yet', async () => {
  const { state: _state, ...shared } = world.codec.decode('telemetry', world.message({ household: fresh() }).value);
  const event: EventOf<'bci-intent'> = { ...shared, intent: 2 };
  const places = await world.send(
    { topic: 'bci-intent', key: event.pseudonym, value: world.codec.encode('bci-intent', event), headers: {} },
    { topic: 'bci-intent', key: event.pseudonym, value: Buffer.from('x'), headers: {} },
  );
  expect(await world.verdicts(places)).toEqual(['STATEMENT_UNKNOWN', 'MALFORMED']);
});

it('what waited out an outage of ten minutes is verified and marked late; what is on time is not', async () => {
  const tenMinutes = 600 / EPOCH_SECONDS;
  const waited = Array.from({ length: tenMinutes }, (_, i) => world.message({ household: fresh(), epoch: nowEpoch() - tenMinutes - 4 + i }));
  const onTime = world.message({ household: fresh() });
  expect(new Set(await world.verdicts(await world.send(...waited, onTime)))).toEqual(new Set(['VERIFIED']));
  const late = new Map((await world.events('telemetry.verified')).map(({ event }) => [event.pseudonym.toString('hex'), event.late]));
  expect(waited.map(({ key }) => late.get(key!.toString('hex')))).toEqual(waited.map(() => true));
  expect(late.get(onTime.key!.toString('hex'))).toBe(false);
});

it('what is larger than the topic takes is a clear error at the producer', async () => {
  const record = world.message({ household: fresh() });
  await expect(world.send(withValue(record, Buffer.alloc(66_560, 0xa5)))).rejects.toThrow(/^ATS_RECORD_TOO_LARGE: the record is larger than its topic takes: /);
});

it('garbage between blocks is logged as MALFORMED and changes nothing; blocks are RECORDED', async () => {
  const places = await world.send(
    { topic: 'chain-events', partition: 0, key: null, value: Buffer.from('no block'), headers: {} },
    { topic: 'chain-events', partition: 0, key: null, value: null as unknown as Buffer, headers: {} },
  );
  expect(await world.verdicts(places)).toEqual(['MALFORMED', 'MALFORMED']);
  expect(await world.verdicts([{ topic: 'chain-events', partition: 0, offset: 0n }])).toEqual(['RECORDED']);
  expect(await world.verdicts(await world.send(world.message({ household: fresh() })))).toEqual(['VERIFIED']);
});

it('a revoked leaf\'s roots die after the grace, older roots without it live on', async () => {
  const withSecond = await world.chain.register();
  await world.chain.settle();
  expect(await world.verdicts(await world.send(world.message({ household: fresh(), root: withSecond })))).toEqual(['VERIFIED']);
  await world.chain.revoke(1);
  await world.chain.settle();
  await new Promise((resolve) => setTimeout(resolve, 1500)); // the grace of the parameter set, in block time
  const places = await world.send(world.message({ household: fresh(), root: withSecond }), world.message({ household: fresh() }));
  expect(await world.verdicts(places)).toEqual(['ROOT_REVOKED', 'VERIFIED']);
});

it('records wait for chain-events, are told of in one line, and are judged when it goes on', async () => {
  await world.chain.pause();
  await world.chain.settle(); // records of the last D are judged by blocks that are there
  const places = await world.send(...[0, 1, 2].map(() => world.message({ household: fresh() })));
  const line = await world.gate.line('ATS_CHAIN_EVENTS_BEHIND');
  expect(line).toMatchObject({ level: 'warn', code: 'ATS_CHAIN_EVENTS_BEHIND' });
  expect((await world.gate.get('/health/ready')).status).toBe(503);
  expect((await world.events('audit-log')).filter(({ event }) => places.some((place) => placeOf(place) === placeOf(event)))).toEqual([]);
  world.chain.resume();
  expect(await world.verdicts(places)).toEqual(Array(3).fill('VERIFIED'));
  await world.gate.ready();
  expect(await world.gate.metric('attestream_gate_resets_total')).toBe(0);
});

it('a verification key that is not here stops the judging until it is, and decides nothing', async () => {
  const { Trapdoor } = await import('../support/gate-trapdoor.js');
  const second = new Trapdoor(16);
  const [statement] = world.parameterSet().statements;
  await world.chain.publish((version) => world.parameterSet({ version, statements: [{ ...statement!, verificationKey: second.keyHash }] }));
  await world.chain.settle();
  const places = await world.send(world.message({ household: fresh(), trapdoor: second }), world.message({ household: fresh() }));
  expect(await world.gate.line('ATS_CIRCUIT_MISSING')).toMatchObject({ code: 'ATS_CIRCUIT_MISSING', msg: expect.stringContaining(second.keyHash) });
  world.writeKey(second);
  expect(await world.verdicts(places)).toEqual(['VERIFIED', 'PROOF_INVALID']);
  await world.gate.ready();
  // the next tests go on with the first key
  world.writeKey(world.trapdoor);
  await world.chain.publish((version) => world.parameterSet({ version }));
  await world.chain.settle();
  expect(await world.verdicts(await world.send(world.message({ household: fresh() })))).toEqual(['VERIFIED']);
});

it('a parameter set that can not be used verifies nothing, and says so, until the next', async () => {
  await world.chain.publish((version) => ({ ...world.parameterSet({ version }), statements: 'none' }) as never);
  await world.chain.settle();
  const [place] = await world.send(world.message({ household: fresh() }));
  expect(await world.verdicts([place!])).toEqual(['PARAMETERS_UNKNOWN']);
  await world.chain.publish((version) => world.parameterSet({ version }));
  await world.chain.settle();
  expect(await world.verdicts(await world.send(world.message({ household: fresh() })))).toEqual(['VERIFIED']);
});

it('stops gracefully', async () => {
  expect(await world.gate.end('SIGTERM')).toBe(0);
  expect(world.gate.stderr).not.toContain('ATS_');
});

// Its end by itself is 0; that by the deadline of a stop is 1.
describe('a stop of a gate that has just been started is not held up', () => {
  // Alone in the group, it has every partition.
  beforeAll(async () => { await world.gate.end('SIGTERM'); });

  /** How a gate ends that is stopped as soon as it waits for what hangs. */
  const endOfOne = async (counterpart: Hanging | StallingBroker, settings: Record<string, string>) => {
    const gate = world.newGate(settings);
    try {
      await gate.start();
      await counterpart.asked();
      return await gate.end('SIGTERM');
    } finally {
      await gate.end('SIGKILL');
      counterpart.stop();
    }
  };

  it.each([['ATTESTREAM_REGISTRY_URL', 'http://'], ['ATTESTREAM_KAFKA_BROKERS', '']])('by what %s names, which takes requests and never answers', async (setting, scheme) => {
    const hanging = await Hanging.start();
    expect(await endOfOne(hanging, { [setting]: `${scheme}${hanging.place}` })).toBe(0);
  });

  it.each(Object.keys(REQUEST) as (keyof typeof REQUEST)[])('by a broker that answers nothing any more from the first %s on', async (request) => {
    // An input that none of these gates comes to judge: without one, it begins no transaction.
    await world.send(world.message({ household: fresh() }));
    const stalling = await StallingBroker.start(world.kafka.brokers, request);
    expect(await endOfOne(stalling, { ATTESTREAM_KAFKA_BROKERS: stalling.place })).toBe(0);
  });
});
