import { startKafka, type KafkaPart, type StartKafkaParameters } from '#libs/stack';
import { connectKafka, repairAfterStart } from '#libs/stream';
import type { Say } from '../say.js';

/**
 * The broker, and what it left hanging if it was killed: a single node forgets markers of transactions that it had decided. On each start, also when the
 * supervisor starts it again under running apps, which write nothing to a hanging transaction meanwhile.
 */
export async function startRepairedKafka(parameters: StartKafkaParameters, say: Say): Promise<KafkaPart> {
  const part = await startKafka(parameters);
  const kafka = connectKafka({ brokers: [part.brokers], clientId: 'attestream-start', log: { info: () => undefined, warn: () => undefined } });
  try {
    await repairAfterStart(kafka, (line) => say(`kafka: ${line}`), parameters.signal);
  } finally {
    kafka.close();
  }
  return part;
}
