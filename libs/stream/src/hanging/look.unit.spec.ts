import type { Broker, Cluster } from '../kafkajs.js';
import { look } from './look.js';
import { Writer } from './wire.js';

const COORDINATOR_LOAD_IN_PROGRESS = 14;
const TRANSACTIONAL_ID_NOT_FOUND = 105;
const DESCRIBE_PRODUCERS = 61;
const DESCRIBE_TRANSACTIONS = 65;
const LIST_TRANSACTIONS = 66;

const OUT = { topic: 'out', partition: 0 };
const STATE = { topic: '__transaction_state', partition: 0 };
const PRODUCER = 7n;

/** What a broker takes to be so; a function is asked each time. */
interface Sight {
  /** First offset of the open transaction in `out[0]`. */
  open?: () => bigint | undefined;
  /** Partitions that it has still to end for the transactional id, if it lists that. */
  owes?: (typeof OUT)[] | undefined;
  loading?: () => boolean;
  /** Whom it takes to lead `out[0]` and the coordinators' log. */
  leaders?: [number, number];
}

/** Brokers that see different things, as far as a look asks. The first one's view of who leads is where it begins. */
function clusterOf(...sights: Sight[]): Cluster {
  const metadataOf = ({ leaders = [0, 0] }: Sight) => ({
    brokers: sights.map((_, nodeId) => ({ nodeId })),
    topicMetadata: [OUT, STATE].map(({ topic, partition }, i) => ({ topic, partitionMetadata: [{ partitionId: partition, leader: leaders[i]! }] })),
  });
  const brokers = sights.map((sight) => ({
    metadata: async () => metadataOf(sight),
    connectionPool: {
      getConnection: async () => undefined,
      send: async ({ request, response }) => await response.parse(await response.decode(answerOf(sight, request.apiKey))),
    },
  }) satisfies Pick<Broker, 'metadata' | 'connectionPool'>);
  return { metadata: async () => metadataOf(sights[0]!), findBroker: async ({ nodeId }: { nodeId: string }) => brokers[Number(nodeId)] } as unknown as Cluster;
}

function answerOf({ open, owes, loading }: Sight, apiKey: number): Buffer {
  const w = new Writer().noTags().int32(0);
  if (apiKey === DESCRIBE_PRODUCERS) {
    const start = open?.();
    w.array([OUT], (topic) => topic.string(OUT.topic).array([OUT], (partition) => partition.int32(0).int16(0).varint(0).array([start], (producer) =>
      producer.int64(PRODUCER).int32(0).int32(0).int64(0n).int32(0).int64(start ?? -1n).noTags()).noTags()).noTags());
  } else if (apiKey === LIST_TRANSACTIONS) {
    w.int16(0).array([], () => undefined).array(owes && !loading?.() ? ['id'] : [], (one, id) => one.string(id).int64(PRODUCER).string('Ongoing').noTags());
  } else if (apiKey === DESCRIBE_TRANSACTIONS) {
    const code = loading?.() ? COORDINATOR_LOAD_IN_PROGRESS : owes ? 0 : TRANSACTIONAL_ID_NOT_FOUND;
    w.array(['id'], (one, id) => one.int16(code).string(id).string('Ongoing').int32(2000).int64(0n).int64(PRODUCER).int16(0)
      .array(owes ?? [], (topic, place) => topic.string(place.topic).array([place.partition], (inner, partition) => void inner.int32(partition)).noTags()).noTags());
  }
  return w.noTags().buffer;
}

const hanging = async (...sights: Sight[]) => (await look(clusterOf(...sights))).hanging.map(({ startOffset }) => startOffset);
/** Answers one after the other, the last one for ever. */
const inTurn = <T>(...answers: T[]) => () => (answers.length > 1 ? answers.shift()! : answers[0]!);
const open = () => 5n;

it('what is open while its coordinator has nothing to end there hangs', async () => {
  expect(await hanging({ open, owes: [] })).toEqual([5n]);
  expect(await hanging({ open, owes: [{ ...OUT, partition: 1 }] })).toEqual([5n]);
});

it('also when no coordinator knows its producer', async () => {
  expect(await hanging({ open })).toEqual([5n]);
  expect(await hanging({ open }, {}, {})).toEqual([5n]);
});

it('what its coordinator has still to end does not', async () => {
  expect(await hanging({ open, owes: [OUT] })).toEqual([]);
  expect(await hanging({ open }, { owes: [OUT], leaders: [0, 1] }).catch(String)).not.toEqual([5n]);
});

it('nor does what was ended while it was looked, or has given way to another', async () => {
  // Asked of the leader twice: however long a machine stood still in between, the second answer is the newer one.
  expect(await hanging({ open: inTurn<bigint | undefined>(5n, undefined), owes: [] })).toEqual([]);
  expect(await hanging({ open: inTurn(5n, 9n), owes: [] })).toEqual([]);
});

it('a coordinator that loads its log is no coordinator that knows nothing, whether it does so before or after it is asked', async () => {
  await expect(hanging({ open, owes: [OUT], loading: () => true })).rejects.toMatchObject({ retriable: true });
  // It lists nothing, then has loaded: it is asked once more.
  expect(await hanging({ open, owes: [OUT], loading: inTurn(true, false) })).toEqual([]);
  // It moves away and back meanwhile.
  await expect(hanging({ open, owes: [OUT], loading: inTurn(true, false, true) })).rejects.toMatchObject({ retriable: true });
});

it('a leader that was stopped shows what its successor has ended: nothing is said until all agree who leads', async () => {
  await expect(hanging({ open, owes: [] }, { leaders: [1, 0] }, {})).rejects.toMatchObject({ retriable: true, message: expect.stringContaining('out[0]') });
});

it('a coordinator that was stopped does not know of what its successor has begun', async () => {
  await expect(hanging({ open, owes: [] }, { owes: [OUT], leaders: [0, 1] }, {})).rejects.toMatchObject({ retriable: true, message: expect.stringContaining('__transaction_state[0]') });
  // Known to be a former one, it is not listened to.
  expect(await hanging({ open, owes: [OUT], leaders: [0, 0] }, { owes: [] }, {})).toEqual([]);
});
