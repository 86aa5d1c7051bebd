import { AtsError } from '#libs/errors';
import { connectKafka, findHangingTransactions, repairHangingTransactions, tellFinding, tellRepair, type HangingTransaction, type Repair } from '#libs/stream';
import { readArguments, type Command } from '../audit/flags.js';
import { EXIT } from '../audit/outcome.js';
import { KAFKA_FLAGS, Places } from '../audit/places.js';
import type { Layout } from '../layout.js';
import type { Say } from '../say.js';

export const repairTransactionsCommand = {
  usage: 'repair-transactions [--yes]',
  summary: 'Finds transactions that a killed Kafka broker left open, and ends them as they had been decided.\nWithout --yes it only says what it would do. What nothing tells about is left as it is. See docs/runbook-transactions.md.\n'
    + 'Exit status: 0 nothing hangs any more, 1 something still does, 2 it could not look.',
  flags: {
    yes: { help: 'write the markers' },
    'assume-aborted': { help: 'with --yes: abort what nothing tells about. If it had been committed, that splits it: look first' },
    json: { help: 'one JSON document instead of lines' },
    brokers: KAFKA_FLAGS.brokers,
  },
} as const satisfies Command;

/** How long a broker is waited for. */
const PATIENCE_MS = 10_000;

/** `attestream repair-transactions`. @throws AtsError when it could not look */
export async function repairTransactions(args: readonly string[], layout: Layout, say: Say, signal: AbortSignal): Promise<number> {
  const { given } = readArguments(repairTransactionsCommand, args, { least: 0, most: 0 });
  if (given['assume-aborted'] && !given.yes) throw new AtsError('ATS_CONFIG_INVALID', '--assume-aborted without --yes does nothing', { todo: 'Look first, then give both.' });
  const brokers = new Places(layout, given).brokers?.at;
  if (brokers === undefined) throw new AtsError('ATS_CONFIG_INVALID', 'nobody says where Kafka is', { todo: 'Name it with --brokers, or run make run once.' });
  const silent = { info: () => undefined, warn: () => undefined };
  const kafka = connectKafka({ brokers: brokers.split(',').map((one) => one.trim()), clientId: 'attestream-repair', log: silent });
  const options = { patienceMs: PATIENCE_MS, signal };
  try {
    if (!given.yes) {
      const found = await findHangingTransactions(kafka, options);
      if (given.json) sayJson(say, found.map((transaction) => ({ ...rowOf(transaction), outcome: null })));
      else for (const line of found.length > 0 ? found.map(tellFinding) : ['no transaction hangs']) say(line);
      if (found.length > 0 && !given.json) say(`${found.length} in all; nothing was written: --yes writes`);
      return found.length === 0 ? EXIT.holds : EXIT.violated;
    }
    const repairs = await repairHangingTransactions(kafka, { ...options, assumeAborted: given['assume-aborted'] === true });
    if (given.json) sayJson(say, repairs.map((repair) => ({ ...rowOf(repair.transaction), because: repair.because, outcome: repair.outcome })));
    else for (const line of repairs.length > 0 ? repairs.map(tellRepair) : ['no transaction hangs']) say(line);
    return repairs.some(({ outcome }: Repair) => outcome === 'refused') ? EXIT.violated : EXIT.holds;
  } finally {
    kafka.close();
  }
}

/** Numbers that a double may not hold are decimal strings. */
function rowOf({ topic, partition, producerId, producerEpoch, startOffset, startedAt, transactionalId, coordinatorState, decision, because }: HangingTransaction): object {
  return {
    topic, partition, producerId: producerId.toString(), producerEpoch, startOffset: startOffset.toString(), startedAt: startedAt === undefined ? null : new Date(startedAt).toISOString(),
    transactionalId: transactionalId ?? null, coordinatorState: coordinatorState ?? null, decision, because,
  };
}

function sayJson(say: Say, transactions: readonly object[]): void {
  say(JSON.stringify({ format: 'attestream/hanging-transactions/1', transactions }, null, 2));
}
