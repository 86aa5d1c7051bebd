import { mkdtempSync, rmSync, statSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventCodec, fieldFromBytes, fieldFromText, messageHash, TOPIC_NAMES, type TopicName } from '#libs/events';
import { evaluateTelemetry, leafHash, MerkleTree, telemetryPublicSignals, verifyDigest, type Prover, type TelemetryInput } from '#libs/proofs';
import {
  buildTelemetryEvent, createHousehold, createSensor, enrolSensor, isSignedWindow, loadHousehold, loadSealingPrivateKey, loadSensor, openReadings, proofOf,
  signWindow, telemetryLeaf, windowFromJson, windowToJson, withProof, type TelemetryEventParameters,
} from './index.js';

const codec = EventCodec.fromIds(Object.fromEntries(TOPIC_NAMES.map((topic, i) => [topic, i + 1])) as Record<TopicName, number>);
const PROOF = Buffer.alloc(256, 0xee);

/** Proves nothing, and says what a prover of the statement would. */
const prover: Prover = {
  prove: async (_, input) => ({ proof: PROOF, publicSignals: telemetryPublicSignals(evaluateTelemetry(input as unknown as TelemetryInput)) }),
  close: async () => undefined,
};

let folder: string;
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'household-')); });
afterEach(() => { rmSync(folder, { recursive: true }); });

async function parameters(): Promise<TelemetryEventParameters & { privateKey: Buffer }> {
  const { secret, sealingPublicKey } = await createHousehold(join(folder, 'household'));
  const enrolment = createSensor(join(folder, 'sensor'), { secret });
  const tree = new MerkleTree();
  tree.append(5n);
  const index = tree.append(leafHash(telemetryLeaf(enrolment, 'home-v1')));
  const readings = Array.from({ length: 16 }, (_, i) => (i < 4 ? 4_000_000_000 : 10 + i));
  return {
    secret, scope: 42n, sealingPublicKey, codec, prover, privateKey: loadSealingPrivateKey(join(folder, 'household')),
    window: signWindow(loadSensor(join(folder, 'sensor')).key, { stream: 'load', epoch: 59_000_000, epochSeconds: 30, readings }),
    membership: { root: tree.root, ...tree.path(index) },
    policy: { family: 'home-v1', stream: 'load', warnLo: 0, warnHi: 100, critLo: 0, critHi: 200, kWarn: 2, kCrit: 4 },
  };
}

describe('a telemetry event', () => {
  it('says what the statement says, is keyed by its pseudonym, ends in its proof, and binds its headers', async () => {
    const { privateKey: _, ...given } = await parameters();
    const { record, event, publics } = await buildTelemetryEvent(given);
    expect(codec.decode('telemetry', record.value)).toEqual(event);
    expect(record.key).toEqual(event.pseudonym);
    expect(proofOf(record.value)).toEqual(PROOF);
    expect(event).toMatchObject({ stream: 'load', epoch: 59_000_000, state: 'CRITICAL', policyFamily: 'home-v1', circuit: 'telemetry16' });
    expect(fieldFromBytes(event.root)).toBe(given.membership.root);
    expect([event.nullifier, event.commitment].map((bytes) => fieldFromBytes(bytes))).toEqual([publics.nullifier, publics.commitment]);
    expect(publics.messageHash).toBe(messageHash('telemetry', record.key, record.value, record.headers));
    expect(publics.messageHash).not.toBe(messageHash('telemetry', record.key, record.value, { ...record.headers, ce_time: Buffer.from('later') }));
    expect(Object.fromEntries(Object.entries(record.headers).map(([name, bytes]) => [name, bytes.toString()]))).toMatchObject({
      ce_type: 'attestream.telemetry', ce_subject: 'load', ce_time: new Date(59_000_001 * 30_000).toISOString(), ce_id: event.nullifier.toString('hex'),
    });
  });

  it('opens to its readings for the household alone, and shows when they are not the committed ones', async () => {
    const { privateKey, ...given } = await parameters();
    const { event } = await buildTelemetryEvent(given);
    expect((await openReadings(event, privateKey)).readings).toEqual(given.window.readings);
    await expect(openReadings(event, Buffer.alloc(32, 9))).rejects.toThrow(/ATS_SEALED_UNREADABLE/);
    await expect(openReadings({ ...event, epoch: event.epoch + 1 }, privateKey)).rejects.toThrow(/ATS_SEALED_UNREADABLE/);
    await expect(openReadings({ ...event, commitment: Buffer.alloc(32, 1) }, privateKey)).rejects.toThrow(/other readings than the proof commits to/);
  });

  it('has no reading in the clear, and a length that tells nothing of them', async () => {
    const { privateKey: _, ...given } = await parameters();
    const key = loadSensor(join(folder, 'sensor')).key;
    const lengths = new Set<number>();
    for (const readings of [Array<number>(16).fill(0), Array<number>(16).fill(0xffff_ffff), given.window.readings]) {
      const { record } = await buildTelemetryEvent({ ...given, window: signWindow(key, { stream: 'load', epoch: 59_000_000, epochSeconds: 30, readings }) });
      lengths.add(record.value.length);
      for (const clear of [Buffer.from('4000000000'), Buffer.from([0xee, 0x6b, 0x28, 0x00]), Buffer.from([0x00, 0x28, 0x6b, 0xee])]) expect(record.value.includes(clear)).toBe(false);
    }
    expect(lengths.size).toBe(1);
  });

  it('is refused before any proving when the statement does not hold', async () => {
    const { privateKey: _, ...given } = await parameters();
    const silent: Prover = { ...prover, prove: () => { throw new Error('asked to prove'); } };
    const wrong: Partial<TelemetryEventParameters>[] = [
      { window: { ...given.window, readings: [...given.window.readings.slice(1), 1] } },
      { window: { ...given.window, epoch: given.window.epoch + 1 } },
      { window: { ...given.window, readings: given.window.readings.slice(1) } },
      { membership: { ...given.membership, root: 7n } },
      { policy: { ...given.policy, family: 'other' } },
      { policy: { ...given.policy, stream: 'open-files' } },
      { secret: given.secret + 1n },
    ];
    for (const change of wrong) await expect(buildTelemetryEvent({ ...given, ...change, prover: silent })).rejects.toThrow(/ATS_STATEMENT_UNSATISFIED/);
  });

  it('is refused when the prover shows other public signals', async () => {
    const { privateKey: _, ...given } = await parameters();
    const lying: Prover = { ...prover, prove: async () => ({ proof: PROOF, publicSignals: Array<bigint>(16).fill(1n) }) };
    await expect(buildTelemetryEvent({ ...given, prover: lying })).rejects.toThrow(/ATS_PROOF_FAILED/);
  });

  it('takes a proof of the right length alone', () => {
    expect(() => withProof(Buffer.alloc(300), Buffer.alloc(255))).toThrow(RangeError);
    expect(proofOf(withProof(Buffer.alloc(300), PROOF))).toEqual(PROOF);
  });
});

describe('household and sensor folders', () => {
  it('keep their keys to their owner, and are loaded as they were made', async () => {
    const made = await createHousehold(join(folder, 'household'));
    expect(loadHousehold(join(folder, 'household'))).toEqual({ secret: made.secret, sealingPublicKey: made.sealingPublicKey });
    const { publicKey, secretHash, signature } = createSensor(join(folder, 'sensor'), { secret: made.secret, epochSeconds: 5 });
    expect(verifyDigest(publicKey, secretHash, signature)).toBe(true);
    expect(enrolSensor(join(folder, 'sensor'), made)).toEqual({ publicKey, secretHash, signature });
    expect(loadSensor(join(folder, 'sensor')).epochSeconds).toBe(5);
    for (const file of ['household/secret', 'household/sealing.key', 'sensor/sensor.key']) expect(statSync(join(folder, file)).mode & 0o777).toBe(0o600);
    expect(telemetryLeaf({ publicKey, secretHash }, 'home-v1')).toEqual({ kind: 1n, ...publicKey, secretHash, program: fieldFromText('home-v1') });
  });

  it('are never overwritten, and not used when others can read them or they are damaged', async () => {
    const { secret } = await createHousehold(join(folder, 'household'));
    createSensor(join(folder, 'sensor'), { secret });
    await expect(createHousehold(join(folder, 'household'))).rejects.toThrow(/never overwritten/);
    expect(() => createSensor(join(folder, 'sensor'), { secret })).toThrow(/never overwritten/);
    chmodSync(join(folder, 'household/secret'), 0o640);
    expect(() => loadHousehold(join(folder, 'household'))).toThrow(/ATS_SECRET_EXPOSED/);
    expect(() => loadSensor(join(folder, 'nowhere'))).toThrow(/ATS_CONFIG_INVALID/);
  });
});

describe('a signed window', () => {
  it('survives JSON, and is refused when it is not one', async () => {
    const { window } = await parameters();
    expect(isSignedWindow(window)).toBe(true);
    expect(windowFromJson(JSON.parse(JSON.stringify(windowToJson(window))))).toEqual(window);
    expect(isSignedWindow({ ...window, stream: 'network' })).toBe(false);
    expect(isSignedWindow({ ...window, readings: window.readings.slice(1) })).toBe(false);
    for (const nonsense of [null, 7, {}, { ...windowToJson(window), epoch: 1.5 }, { ...windowToJson(window), readings: [2 ** 32] }]) expect(() => windowFromJson(nonsense)).toThrow(TypeError);
  });
});
