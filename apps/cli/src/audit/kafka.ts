import { kafkaRecords, type RecordSource } from '#libs/audit';
import { connectKafka, LogReader } from '#libs/stream';

/** The records of a broker; lines of its client would disturb the report. */
export function openKafka(brokers: string): { records: RecordSource; close(): Promise<void> } {
  const silent = { info: () => undefined, warn: () => undefined };
  const client = connectKafka({ brokers: brokers.split(',').map((one) => one.trim()), clientId: 'attestream-audit', log: silent });
  const records = kafkaRecords(new LogReader(client));
  return {
    records,
    async close() {
      await records.close();
      client.close();
    },
  };
}
