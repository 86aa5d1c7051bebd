/** A record as it was read from Kafka. Header order is arrival order; a name may occur more than once. */
export interface KafkaRecord {
  topic: string;
  partition: number;
  offset: bigint;
  /** Broker time (LogAppendTime), milliseconds since the Unix epoch. */
  timestamp: number;
  key: Buffer | null;
  value: Buffer | null;
  headers: readonly (readonly [name: string, value: Buffer | null])[];
}

/** A record to be written. Without a partition, the key decides: see partitionOf. */
export interface OutgoingRecord {
  topic: string;
  partition?: number;
  key: Buffer | null;
  value: Buffer;
  headers: Readonly<Record<string, Buffer>>;
}

/** Headers of a record of either direction. */
export type RecordHeaders = KafkaRecord['headers'] | OutgoingRecord['headers'];
