import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHousehold, signWindow, telemetryLeaf, type Household, type SignedWindow } from '#libs/edge';
import { AtsError } from '#libs/errors';
import type { OutgoingRecord } from '#libs/events';
import { evaluateTelemetry, leafHash, MerkleTree, secretHash, sensorPublicKey, telemetryPublicSignals, type Prover, type TelemetryInput } from '#libs/proofs';
import type { ParameterSet } from '#libs/verdict';
import { codec, FAMILY, parameterSet } from '../../test/small-world.js';
import { Outbox } from '../durable/outbox.js';
import type { Present } from './chain-view.js';
import { Proving } from './proving.js';
import { Sending } from './sending.js';
import { Wakeup } from './wakeup.js';

const SENSOR = Buffer.alloc(32, 3);
const OTHER_SENSOR = Buffer.alloc(32, 4);
const NOW = 60_000_000 * 30_000;
const readings = Array.from({ length: 16 }, (_, i) => 100 + i);
const windowOf = (epoch: number, key = SENSOR, stream = 'open-files'): SignedWindow => signWindow(key, { stream, epoch, epochSeconds: 30, readings });

let folder: string;
let household: Household;
let world: World;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'queue-'));
  household = await createHousehold(join(folder, 'household'));
  world = await World.create();
});
afterEach(async () => {
  await world.stop();
  rmSync(folder, { recursive: true });
});

/** The two loops around a real outbox; chain, prover and broker are the test's. */
class World {
  readonly changed = new Wakeup();
  readonly sent: OutgoingRecord[][] = [];
  readonly said: string[] = [];
  readonly outages: (string | null)[] = [];
  readonly waits = new Map<string, string | null>();
  readonly givenUp: string[] = [];
  readonly proven: number[] = [];
  set: ParameterSet = parameterSet(30);
  parametersHash = 'one';
  revoked = new Set<bigint>();
  registered = true;
  behind: string | undefined;
  broker: (records: OutgoingRecord[]) => Promise<void> = async () => undefined;
  prove: () => Promise<void> = async () => undefined;
  #root = 0n;
  readonly #tree = new MerkleTree();
  readonly #stop = new AbortController();
  #loops: Promise<void>[] = [];

  private constructor(readonly outbox: Outbox) {
    this.#tree.append(leafHash(telemetryLeaf({ publicKey: sensorPublicKey(SENSOR), secretHash: secretHash(household.secret) }, FAMILY)));
    this.#root = this.#tree.root;
  }

  static async create(): Promise<World> {
    return new World(await Outbox.open({ folder: join(folder, 'outbox'), maxBytes: 1 << 20, onDamage: (error) => { throw error; } }));
  }

  /** Another leaf joins: the root changes. */
  grow(): void {
    this.#tree.append(7n);
    this.#root = this.#tree.root;
  }

  get root(): bigint { return this.#root; }

  start(): void {
    const prover: Prover = {
      prove: async (_, input) => {
        await this.prove();
        const publics = evaluateTelemetry(input as unknown as TelemetryInput);
        this.proven.push(Number(publics.epoch));
        return { proof: Buffer.alloc(256, this.proven.length), publicSignals: telemetryPublicSignals(publics) };
      },
      close: async () => undefined,
    };
    const metrics = { window: () => undefined, proof: () => undefined, sent: () => undefined, sensorStart: () => undefined, prover: () => undefined, givenUp: (why: string) => { this.givenUp.push(why); } };
    const proving = new Proving({
      household, scope: 9n, policyFamily: FAMILY, codec, prover, outbox: this.outbox, changed: this.changed, metrics,
      present: () => this.#present(), sensorKey: () => sensorPublicKey(SENSOR), now: () => NOW, waitFor: (name, what) => this.waits.set(name, what),
      outage: (error) => this.outages.push(error?.code ?? null), say: (line) => this.said.push(line),
    });
    const sending = new Sending({
      outbox: this.outbox, changed: this.changed, metrics, proving, say: (line) => this.said.push(line), outage: (error) => this.outages.push(error?.code ?? null),
      send: async (records) => { this.sent.push(records); await this.broker(records); },
    });
    this.#loops = [proving.run(this.#stop.signal), sending.run(this.#stop.signal)];
  }

  async until(look: () => boolean): Promise<void> {
    while (!look()) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      this.changed.notify();
    }
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#loops);
    await this.outbox.close();
  }

  #present(): Present | { waitingFor: string } {
    if (this.behind !== undefined) return { waitingFor: this.behind };
    const root = this.#root;
    return {
      block: 5, parameters: this.set, parametersHash: this.parametersHash,
      membership: (leaf) => (this.registered && leaf === this.#tree.leaf(0) ? { index: 0, root, ...this.#tree.path(0) } : undefined),
      takesRoot: (asked) => !this.revoked.has(asked),
    };
  }
}

const epochsOf = (batches: OutgoingRecord[][]) => batches.flat().map(({ value }) => codec.decode('telemetry', value).epoch);
const empty = () => world.outbox.items().length === 0;

describe('proving and sending', () => {
  it('sends late windows in their order, each once, and leaves the outbox empty', async () => {
    for (const epoch of [59_999_990, 59_999_991, 59_999_992]) await world.outbox.accept(windowOf(epoch));
    world.start();
    await world.until(empty);
    expect(epochsOf(world.sent)).toEqual([59_999_990, 59_999_991, 59_999_992]);
    expect(world.proven).toEqual([59_999_990, 59_999_991, 59_999_992]);
  });

  it('proves the newest window that can still be acted on first, then the late ones in their order', async () => {
    for (const epoch of [59_999_990, 59_999_991, 59_999_998, 59_999_999]) await world.outbox.accept(windowOf(epoch));
    world.start();
    await world.until(empty);
    expect(world.proven).toEqual([59_999_999, 59_999_998, 59_999_990, 59_999_991]);
    expect(new Set(epochsOf(world.sent)).size).toBe(4);
  });

  it('after a lost acknowledgement sends the same bytes again', async () => {
    let failures = 2;
    world.broker = async () => { if (failures-- > 0) throw new AtsError('ATS_BROKER_UNREACHABLE', 'gone'); };
    await world.outbox.accept(windowOf(59_999_990));
    world.start();
    await world.until(empty);
    expect(world.sent.length).toBe(3);
    expect(world.sent[1]).toEqual(world.sent[0]);
    expect(world.sent[2]).toEqual(world.sent[0]);
    expect(world.proven.length).toBe(1);
    expect(world.outages.filter((code) => code !== null)).toEqual(['ATS_BROKER_UNREACHABLE', 'ATS_BROKER_UNREACHABLE']);
  });

  it.each([
    ['whose root was revoked', () => { const old = world.root; world.grow(); world.revoked.add(old); }],
    ['of an earlier parameter set', () => { world.parametersHash = 'two'; }],
  ])('proves a waiting record %s again, and sends the new one alone', async (_, change) => {
    let up = false;
    world.broker = async () => { if (!up) throw new AtsError('ATS_BROKER_UNREACHABLE', 'gone'); };
    await world.outbox.accept(windowOf(59_999_990));
    world.start();
    await world.until(() => world.sent.length > 0);
    change();
    await world.until(() => world.proven.length === 2);
    up = true;
    await world.until(empty);
    expect(world.sent.at(-1)![0]!.value).not.toEqual(world.sent[0]![0]!.value);
    expect(world.proven.length).toBe(2);
  });

  it('holds everything while the chain is behind, and says what it waits for', async () => {
    world.behind = 'newer blocks';
    await world.outbox.accept(windowOf(59_999_990));
    world.start();
    await world.until(() => world.waits.get('chain') === 'newer blocks');
    expect([world.proven, world.sent]).toEqual([[], []]);
    world.behind = undefined;
    await world.until(empty);
    expect(world.waits.get('chain')).toBeNull();
  });

  it('waits for the leaf of its sensor, and keeps the windows meanwhile', async () => {
    world.registered = false;
    await world.outbox.accept(windowOf(59_999_990));
    world.start();
    await world.until(() => /not registered/.test(world.waits.get('leaf') ?? ''));
    expect(world.outbox.depth.windows).toBe(1);
    world.registered = true;
    await world.until(empty);
    expect(epochsOf(world.sent)).toEqual([59_999_990]);
  });

  it('waits for a parameter set that lists its schema', async () => {
    world.set = { ...parameterSet(30), schemas: [] };
    await world.outbox.accept(windowOf(59_999_990));
    world.start();
    await world.until(() => /lists schema/.test(world.waits.get('schema') ?? ''));
    world.set = parameterSet(30);
    await world.until(empty);
    expect(world.sent.length).toBe(1);
  });

  it('gives up in one line each what can never be verified, and goes on behind it', async () => {
    const forged = { ...windowOf(59_999_994), readings: readings.map((reading) => reading + 1) };
    for (const window of [
      windowOf(59_000_000), windowOf(59_999_991, SENSOR, 'network'), windowOf(59_999_992, OTHER_SENSOR), { ...windowOf(59_999_993), epochSeconds: 60 }, forged, windowOf(59_999_995),
    ]) await world.outbox.accept(window);
    world.start();
    await world.until(empty);
    expect([...world.givenUp].sort()).toEqual(['expired', 'no-policy', 'other-epochs', 'other-sensor', 'unsatisfied']);
    expect(world.said.length).toBe(5);
    expect(epochsOf(world.sent)).toEqual([59_999_995]);
  });

  it('keeps a window whose proof failed, and tells of it', async () => {
    world.prove = async () => { throw new AtsError('ATS_CIRCUIT_MISSING', 'telemetry16.zkey is not there'); };
    await world.outbox.accept(windowOf(59_999_990));
    world.start();
    await world.until(() => world.outages.includes('ATS_CIRCUIT_MISSING'));
    expect(world.outbox.depth.windows).toBe(1);
    world.prove = async () => undefined;
    await world.until(empty);
    expect(world.outages).toContain(null);
  });

  it('sends the others when one record of a batch is too large', async () => {
    world.behind = 'later';
    for (const epoch of [59_999_990, 59_999_991, 59_999_992]) await world.outbox.accept(windowOf(epoch));
    let open = false;
    world.broker = async (records) => {
      if (!open) throw new AtsError('ATS_BROKER_UNREACHABLE', 'not yet');
      if (epochsOf([records]).includes(59_999_991)) throw new AtsError('ATS_RECORD_TOO_LARGE', 'of 70 KiB');
    };
    world.behind = undefined;
    world.start();
    await world.until(() => world.proven.length === 3);
    world.sent.length = 0;
    open = true;
    await world.until(empty);
    expect(world.givenUp).toEqual(['too-large']);
    expect(new Set(epochsOf(world.sent))).toEqual(new Set([59_999_990, 59_999_991, 59_999_992]));
  });
});
