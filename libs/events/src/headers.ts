import { randomBytes } from 'node:crypto';

/** Media type of a value in Confluent wire format; the schema id inside it names the schema. */
export const CONTENT_TYPE = 'application/avro';

export interface CloudEventAttributes {
  /** Unique within the source. */
  id: string;
  /** URI reference of the producer, such as `/edge-agent/kitchen`. */
  source: string;
  /** The event's type, such as `attestream.telemetry`. */
  type: string;
  /** What it is about, such as the stream. */
  subject: string;
  /** When it happened: a date, or milliseconds since the Unix epoch. No verdict reads it. */
  time: Date | number;
  /** W3C Trace Context of the producer; see {@link newTraceparent}. */
  traceparent?: string;
}

/** Values that are the same in every event. */
const SPECVERSION = Buffer.from('1.0');
const CONTENT_TYPE_BYTES = Buffer.from(CONTENT_TYPE);

/** Headers of the CloudEvents 1.0 Kafka protocol binding in binary content mode, and `traceparent`. */
export function cloudEventHeaders({ id, source, type, subject, time, traceparent }: CloudEventAttributes): Record<string, Buffer> {
  return {
    ce_specversion: SPECVERSION,
    ce_id: Buffer.from(id),
    ce_source: Buffer.from(source),
    ce_type: Buffer.from(type),
    ce_subject: Buffer.from(subject),
    ce_time: Buffer.from(new Date(time).toISOString()),
    'content-type': CONTENT_TYPE_BYTES,
    ...(traceparent !== undefined && { traceparent: Buffer.from(traceparent) }),
  };
}

/** A traceparent of W3C Trace Context level 1: a new trace, or a new span of the given one. A malformed parent starts a new trace, as the recommendation says. */
export function newTraceparent(parent?: string): string {
  const [, trace, flags] = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})$/.exec(parent ?? '') ?? [];
  return `00-${trace ?? randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-${flags ?? '01'}`;
}
