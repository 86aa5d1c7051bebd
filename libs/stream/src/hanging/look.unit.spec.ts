import type { Broker, Cluster } from '../kafkajs.js';
import { look } from './look.js';
import { Writer } from './wire.js';

const COORDINATOR_LOAD_IN_PROGRESS = 14;
const TRANSACTIONAL_ID_NOT_FOUND = 105;
const DESCRIBE_PRODUCERS = 61;
const DESCRIBE_TRANSACTIONS = 65;
const LIST_TRANSACTIONS = 66;

const OUT = { topic: 'out', partition: 0 };
const STATE = '__transaction_state';
const PRODUCER = 7n;

/** What a broker takes to be so; a function is asked each time. */
interface Sight {
  /** First offset of the open transaction in `out[0]`. */
  open?: () => bigint | undefined;
  /** Of the producer in `out[0]`. */
  epoch?: () => number;
  /** Partitions that it has still to end for the transactional id, if it lists that. */
  owes?: (() => (typeof OUT)[]) | undefined;
  loading?: () => boolean;
  /** Whom it takes to lead `out[0]` and the partitions of the coordinators' log. */
  leaders?: () => number[];
  /** Brokers that it takes to be there. Default: all. */
  knows?: () => number[];
}

interface Scripted {
  /** Default `id`. */
  transactionalId?: string;
  /** Copies of each partition. Default: as many as there are brokers. */
  replicas?: number;
}

/** Brokers that see different things, as far as a look asks. The first one's view of who leads is where it begins. */
function clusterOf(sights: readonly Sight[], { transactionalId = 'id', replicas = sights.length }: Scripted = {}): Cluster {
  const metadataOf = ({ leaders = () => [0, 0], knows = () => [...sights.keys()] }: Sight) => {
    const [out, ...states] = leaders();
    const partitionsOf = (all: number[]) => all.map((leader, partitionId) => ({ partitionId, leader, replicas: Array.from({ length: replicas }, (_, i) => i) }));
    return {
      brokers: knows().map((nodeId) => ({ nodeId })),
      topicMetadata: [{ topic: OUT.topic, partitionMetadata: partitionsOf([out!]) }, { topic: STATE, partitionMetadata: partitionsOf(states) }],
    };
  };
  const brokers = sights.map((sight) => ({
    metadata: async () => metadataOf(sight),
    connectionPool: {
      getConnection: async () => undefined,
      send: async ({ request, response }) => await response.parse(await response.decode(answerOf(sight, request.apiKey, transactionalId))),
    },
  }) satisfies Pick<Broker, 'metadata' | 'connectionPool'>);
  return { metadata: async () => metadataOf(sights[0]!), findBroker: async ({ nodeId }: { nodeId: string }) => brokers[Number(nodeId)] } as unknown as Cluster;
}

function answerOf({ open, epoch, owes, loading }: Sight, apiKey: number, transactionalId: string): Buffer {
  const w = new Writer().noTags().int32(0);
  if (apiKey === DESCRIBE_PRODUCERS) {
    const start = open?.();
    w.array([OUT], (topic) => topic.string(OUT.topic).array([OUT], (partition) => partition.int32(0).int16(0).varint(0).array([start], (producer) =>
      producer.int64(PRODUCER).int32(epoch?.() ?? 0).int32(0).int64(0n).int32(0).int64(start ?? -1n).noTags()).noTags()).noTags());
  } else if (apiKey === LIST_TRANSACTIONS) {
    w.int16(0).array([], () => undefined).array(owes && !loading?.() ? [transactionalId] : [], (one, id) => one.string(id).int64(PRODUCER).string('Ongoing').noTags());
  } else if (apiKey === DESCRIBE_TRANSACTIONS) {
    const code = loading?.() ? COORDINATOR_LOAD_IN_PROGRESS : owes ? 0 : TRANSACTIONAL_ID_NOT_FOUND;
    w.array([transactionalId], (one, id) => one.int16(code).string(id).string('Ongoing').int32(2000).int64(0n).int64(PRODUCER).int16(0)
      .array(owes?.() ?? [], (topic, place) => topic.string(place.topic).array([place.partition], (inner, partition) => void inner.int32(partition)).noTags()).noTags());
  }
  return w.noTags().buffer;
}

const looked = async (sights: readonly Sight[], scripted?: Scripted) => await look(clusterOf(sights, scripted), { apartMs: 1 });
const hanging = async (...sights: Sight[]) => (await looked(sights)).hanging.map(({ startOffset }) => startOffset);
/** Answers one after the other, the last one for ever. */
const inTurn = <T>(...answers: T[]) => () => (answers.length > 1 ? answers.shift()! : answers[0]!);
const open = () => 5n;
const [all, none] = [() => [OUT], () => []];

it('what is open while its coordinator has nothing to end there hangs', async () => {
  expect(await hanging({ open, owes: none })).toEqual([5n]);
  expect(await hanging({ open, owes: () => [{ ...OUT, partition: 1 }] })).toEqual([5n]);
  expect(await hanging({ open, owes: none }, {}, {})).toEqual([5n]);
});

it('also when no coordinator knows its producer', async () => {
  expect(await hanging({ open })).toEqual([5n]);
  expect(await hanging({ open }, {}, {})).toEqual([5n]);
});

it('what its coordinator has still to end does not', async () => {
  expect(await hanging({ open, owes: all })).toEqual([]);
  expect(await hanging({ open }, { owes: all, leaders: () => [0, 1] }).catch(String)).not.toEqual([5n]);
});

it.each([
  // Of four partitions of the coordinators' log, and the brokers 0, 1, 2, 0 lead them: by the low bits of their hashes, the last two would be of 0 and 1.
  ['proof-gate-chain-events-0', 1],
  ['proof-gate-telemetry-0', 1],
  ['proof-gate-telemetry-2', 0],
])('the coordinator of %s is known, whatever the sign of its hash', async (transactionalId, coordinator) => {
  const leaders = () => [0, 0, 1, 2, 0];
  const seen = await looked([0, 1, 2].map((broker) => ({ leaders, ...(broker === 0 && { open }), ...(broker === coordinator && { owes: all }) })), { transactionalId });
  expect(seen.coordinators.get(PRODUCER)).toMatchObject({ transactionalId, broker: coordinator });
  expect(seen.hanging).toEqual([]);
});

it('nor does what was ended while it was looked, or has given way to another', async () => {
  // Asked of the leader twice: however long a machine stood still in between, the second answer is the newer one.
  expect(await hanging({ open: inTurn<bigint | undefined>(5n, undefined), owes: none })).toEqual([]);
  expect(await hanging({ open: inTurn(5n, 9n), owes: none })).toEqual([]);
});

it('a coordinator that loads its log is no coordinator that knows nothing, whether it does so before or after it is asked', async () => {
  await expect(hanging({ open, owes: all, loading: () => true })).rejects.toMatchObject({ retriable: true });
  // It lists nothing, then has loaded: it is asked once more.
  expect(await hanging({ open, owes: all, loading: inTurn(true, false) })).toEqual([]);
  // It moves away and back meanwhile.
  await expect(hanging({ open, owes: all, loading: inTurn(true, false, true) })).rejects.toMatchObject({ retriable: true });
});

it('a leader that was stopped shows what its successor has ended: nothing is said until all agree who leads', async () => {
  await expect(hanging({ open, owes: none }, { leaders: () => [1, 0] }, {})).rejects.toMatchObject({ retriable: true, message: expect.stringContaining('out[0]') });
});

it('a coordinator that was stopped does not know of what its successor has begun', async () => {
  await expect(hanging({ open, owes: none }, { owes: all, leaders: () => [0, 1] }, {})).rejects.toMatchObject({ retriable: true, message: expect.stringContaining('__transaction_state[0]') });
  // Known to be a former one, it is not listened to.
  expect(await hanging({ open, owes: all, leaders: () => [0, 0] }, { owes: none }, {})).toEqual([]);
});

it('a broker that the first one does not know of, but another one does, is asked who leads as well', async () => {
  await expect(hanging({ open, owes: none, knows: () => [0, 1] }, {}, { leaders: () => [2, 0] })).rejects.toMatchObject({ retriable: true, message: expect.stringContaining('broker 2') });
});

describe('of several brokers, what hangs in one look does not hang before it does so in a second one', () => {
  it('as after a coordinator that was stopped, and leads again by the time that all are asked', async () => {
    expect(await hanging({ open, owes: inTurn<(typeof OUT)[]>([], [OUT]) }, {}, {})).toEqual([]);
  });

  it('as after a leader that was stopped', async () => {
    expect(await hanging({ open: inTurn<bigint | undefined>(5n, 5n, undefined), owes: none }, {}, {})).toEqual([]);
  });

  it('who leads is asked anew for it', async () => {
    // The first broker is asked when a look begins and for its consent, the others for theirs.
    const leaders = inTurn([0, 0], [0, 0], [1, 1]);
    expect(await hanging({ open, owes: none, leaders }, { leaders: inTurn([0, 0], [1, 1]), open, owes: all }, { leaders: inTurn([0, 0], [1, 1]) })).toEqual([]);
  });

  it('another transaction in the same place is not the same', async () => {
    expect(await hanging({ open: inTurn(5n, 5n, 9n), owes: none }, {}, {})).toEqual([]);
    expect(await hanging({ open, epoch: inTurn(3, 3, 4), owes: none }, {}, {})).toEqual([]);
  });

  it('also if one of them alone is there to be seen', async () => {
    const sights = () => [{ open, owes: inTurn<(typeof OUT)[]>([], [OUT]) }];
    expect((await looked(sights(), { replicas: 3 })).hanging).toEqual([]);
    // A single node has nobody that could have taken its place.
    expect((await looked(sights(), { replicas: 1 })).hanging).toHaveLength(1);
  });

  it('a stop ends the wait for it', async () => {
    const stop = new AbortController();
    const looking = look(clusterOf([{ open, owes: none }, {}]), { apartMs: 600_000, signal: stop.signal });
    stop.abort();
    await expect(looking).rejects.toThrow('stopped');
  });
});
