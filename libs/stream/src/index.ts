/** Kafka: clients, log readers, producers, batch consumers and the exactly-once processor. The only folder that knows kafkajs; what the records mean is not its business. */
export { clusterIdOf } from './cluster.js';
export { connectKafka, KafkaClient, type ConnectKafkaParameters } from './client.js';
export type { StreamLog } from './broker-watch.js';
export { EventProducer, type EventProducerParameters, type SentRecord } from './event-producer.js';
export { findHangingTransactions, type FindHangingTransactionsParameters, type HangingTransaction } from './hanging/find.js';
export { repairAfterStart } from './hanging/after-start.js';
export { tell as tellRepair, tellFinding } from './hanging/tell.js';
export { watchTransactions, type HeldBack, type WatchTransactionsParameters } from './hanging/watch.js';
export { repairHangingTransactions, type Repair, type RepairHangingTransactionsParameters } from './hanging/repair.js';
export { LogReader, type LogReaderParameters } from './log-reader.js';
export type { ValueBlock } from './value-block.js';
export { ensureTopics, type EnsureTopicsParameters } from './topics.js';
export { BatchErrorFilter, KafkaBatchStrategy, type BatchEvent, type KafkaBatchStrategyParameters } from './batch-strategy.js';
export { DeadLetter, RecordBatch, type DeadLetters } from './record-batch.js';
export {
  ExactlyOnceProcessor, type ExactlyOnceProcessorParameters, type PartitionContext, type Processed, type ProcessorEvent, type ProcessorStatus,
} from './exactly-once.js';
