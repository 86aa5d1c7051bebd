import { hideAborted, type FetchedMessage, type FetchedPartition } from './hide-aborted.js';

type Event = [producerId: string, what: 'record' | 'plain' | 'abort' | 'commit', key?: Buffer];

/** A log in which each event takes the next offset, and the broker's list of aborted transactions: ordered by their ends. */
function fetched(...events: Event[]): FetchedPartition {
  const began = new Map<string, number>();
  const abortedTransactions: { producerId: string; firstOffset: string }[] = [];
  const messages = events.map(([producerId, what, key], offset): FetchedMessage => {
    if (what === 'record' && !began.has(producerId)) began.set(producerId, offset);
    if (what === 'abort') abortedTransactions.push({ producerId, firstOffset: String(began.get(producerId)) });
    if (what === 'abort' || what === 'commit') began.delete(producerId);
    const control = what === 'abort' || what === 'commit';
    return {
      offset: String(offset), timestamp: '0', value: null, headers: [], isControlRecord: control,
      key: control ? Buffer.from([0, 0, 0, what === 'commit' ? 1 : 0]) : (key ?? Buffer.from('key')),
      batchContext: { producerId, inTransaction: what !== 'plain' },
    };
  });
  return { partition: 0, highWatermark: String(events.length), lastStableOffset: String(events.length), abortedTransactions, messages };
}

function visible(partition: FetchedPartition): number[] {
  hideAborted(partition);
  return partition.messages.filter(({ isControlRecord }) => !isControlRecord).map(({ offset }) => Number(offset));
}

it.each<[string, Event[], number[]]>([
  ['one transaction', [['a', 'record'], ['a', 'abort'], ['b', 'record'], ['b', 'commit']], [2]],
  ['overlapping ones, the later first to end', [['a', 'record'], ['b', 'record'], ['b', 'abort'], ['a', 'record'], ['a', 'abort'], ['c', 'plain']], [5]],
  ['a record that looks like a marker', [['a', 'record', Buffer.alloc(4)], ['a', 'record'], ['a', 'abort'], ['b', 'plain', Buffer.alloc(4)]], [3]],
  ['an aborted one between two committed ones of the same producer', [['a', 'record'], ['a', 'commit'], ['a', 'record'], ['a', 'abort'], ['a', 'record'], ['a', 'commit']], [0, 4]],
  ['a commit inside a longer one that aborts', [['a', 'record'], ['b', 'record'], ['b', 'commit'], ['a', 'abort']], [1]],
  ['plain records of a producer that aborted', [['a', 'record'], ['a', 'plain'], ['a', 'abort']], [1]],
])('hides the records of aborted transactions and no others: %s', (_, events, want) => {
  expect(visible(fetched(...events))).toEqual(want);
});

it('hides what was aborted by a transaction that began before the fetch and ends after it', () => {
  const partition = fetched(['a', 'record'], ['a', 'record'], ['b', 'plain'], ['a', 'abort']);
  partition.messages = partition.messages.slice(1, 3);
  expect(visible(partition)).toEqual([2]);
});

it('leaves nothing to do for the filter of the client, and all offsets to move past', () => {
  const partition = fetched(['a', 'record'], ['a', 'abort']);
  hideAborted(partition);
  expect(partition.abortedTransactions).toEqual([]);
  expect(partition.messages).toHaveLength(2);
});

it('keeps every record of a log without aborted transactions', () => {
  expect(visible({ ...fetched(['a', 'record'], ['a', 'commit'], ['b', 'plain']), abortedTransactions: null })).toEqual([0, 2]);
});
