import { cloudEventHeaders, TOPICS, type EventCodec, type EventOf, type KafkaRecord, type OutgoingRecord, type TopicName } from '#libs/events';
import type { Outcome } from '#libs/verdict';

const AUDIT_PARTITION = 0;
const TRACEPARENT = /^[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The records of one verdict. All of them, and the source's offset, are committed together or not at all. */
export function outputOf(record: KafkaRecord, outcome: Outcome, codec: EventCodec): OutgoingRecord[] {
  const { audit, verified, rejected } = outcome;
  const id = `${record.topic}/${record.partition}/${record.offset}`;
  const headersOf = (topic: TopicName, subject: string) => cloudEventHeaders({
    id, source: '/proof-gate', type: `attestream.${topic}`, subject, time: record.timestamp, ...traceparentOf(record),
  });
  const output: OutgoingRecord[] = [
    { topic: 'audit-log', partition: AUDIT_PARTITION, key: Buffer.from(id), value: codec.encode('audit-log', audit), headers: headersOf('audit-log', audit.verdict) },
  ];
  if (verified !== null) {
    const { topic, event } = verified;
    output.push({ topic, partition: record.partition, key: event.pseudonym, value: codec.encode(topic, event as EventOf<typeof topic>), headers: headersOf(topic, event.stream) });
  }
  if (rejected !== null) {
    output.push({ topic: 'rejected', partition: record.partition % TOPICS.rejected.partitions, key: Buffer.from(id), value: codec.encode('rejected', rejected), headers: headersOf('rejected', rejected.reason) });
  }
  return output;
}

/** The producer's trace goes on, when the record has exactly one and it is well-formed. */
function traceparentOf({ headers }: KafkaRecord): { traceparent?: string } {
  const given = headers.filter(([name]) => name === 'traceparent').map(([, value]) => value?.toString('latin1') ?? '');
  return given.length === 1 && TRACEPARENT.test(given[0]!) ? { traceparent: given[0]! } : {};
}
