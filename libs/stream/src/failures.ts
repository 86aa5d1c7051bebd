import { AtsError } from '#libs/errors';
import { unreachable } from './broker-watch.js';
import { LateError } from './time.js';

/** kafkajs's errors carry a name, for protocol errors a type, and the error behind them. */
export interface KafkaFailure extends Error {
  type?: string;
  retriable?: boolean;
  cause?: unknown;
}

/** The error that kafkajs wrapped, often several times. */
export function origin(error: unknown): KafkaFailure {
  const failure = error instanceof Error ? (error as KafkaFailure) : new Error(String(error));
  return failure.cause instanceof Error ? origin(failure.cause) : failure;
}

/** One short text for logs: type or name, and message. */
export function describe(error: unknown): string {
  const { type, name, message } = origin(error);
  return error instanceof AtsError ? error.message : `${type ?? name}: ${message}`;
}

/** Marked as final by kafkajs, though another attempt may well succeed: it says "coordinator not found" when the connection broke while it asked. */
const PASSING = new Set(['KafkaJSGroupCoordinatorNotFound', 'KafkaJSLockTimeout', 'KafkaJSNumberOfRetriesExceeded', 'KafkaJSTimeout']);

/** True when the same request may succeed later: connections, elections, loading coordinators, topics that are being created. */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof AtsError) return false;
  const { name, retriable, cause } = error as KafkaFailure;
  return error instanceof LateError || retriable === true || PASSING.has(name) || isPassing(cause);
}

/** The project's error for a request that kept failing. */
export function lasting(brokers: readonly string[], what: string, error: unknown): Error {
  if (error instanceof AtsError) return error;
  const failure = origin(error);
  if (failure.type === 'UNKNOWN_TOPIC_OR_PARTITION') return new AtsError('ATS_TOPIC_MISSING', what, { cause: error });
  if (failure.type === 'OFFSET_OUT_OF_RANGE') return new AtsError('ATS_LOG_UNREADABLE', `${what}: the offset is outside the log`, { cause: error });
  if (failure.type === 'MESSAGE_TOO_LARGE') return new AtsError('ATS_RECORD_TOO_LARGE', what, { cause: error });
  if (isPassing(error)) return unreachable(brokers, `${what}: ${describe(error)}`, error);
  return new AtsError('ATS_INTERNAL', `${what}: ${describe(error)}`, { cause: error });
}
