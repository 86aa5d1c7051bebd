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

/** Headers of the CloudEvents 1.0 Kafka protocol binding in binary content mode, and `traceparent`. */
export function cloudEventHeaders(attributes: CloudEventAttributes): Record<string, Buffer> {
  const headers: Record<string, string> = {
    ce_specversion: '1.0',
    ce_id: attributes.id,
    ce_source: attributes.source,
    ce_type: attributes.type,
    ce_subject: attributes.subject,
    ce_time: new Date(attributes.time).toISOString(),
    'content-type': CONTENT_TYPE,
  };
  if (attributes.traceparent !== undefined) headers['traceparent'] = attributes.traceparent;
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, Buffer.from(value, 'utf8')]));
}

/** A traceparent of W3C Trace Context level 1: a new trace, or a new span of the given one. A malformed parent starts a new trace, as the recommendation says. */
export function newTraceparent(parent?: string): string {
  const [, trace, flags] = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})$/.exec(parent ?? '') ?? [];
  return `00-${trace ?? randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-${flags ?? '01'}`;
}
