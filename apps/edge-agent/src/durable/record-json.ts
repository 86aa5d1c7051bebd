import type { OutgoingRecord } from '#libs/events';

/** A record as JSON: bytes in base64, headers in their order. */
export function recordToJson({ topic, partition, key, value, headers }: OutgoingRecord): Record<string, unknown> {
  return {
    topic, partition,
    key: key?.toString('base64') ?? null,
    value: value.toString('base64'),
    headers: Object.entries(headers).map(([name, bytes]) => [name, bytes.toString('base64')]),
  };
}

/** The same record, byte for byte. */
export function recordFromJson(json: unknown): OutgoingRecord {
  const { topic, partition, key, value, headers } = json as { topic: string; partition?: number; key: string | null; value: string; headers: [string, string][] };
  return {
    topic,
    ...(partition === undefined ? {} : { partition }),
    key: key === null ? null : Buffer.from(key, 'base64'),
    value: Buffer.from(value, 'base64'),
    headers: Object.fromEntries(headers.map(([name, bytes]) => [name, Buffer.from(bytes, 'base64')])),
  };
}
