import type { LoggerService } from '@nestjs/common';
import { isAtsError } from '#libs/errors';
import { pino, stdSerializers, type DestinationStream, type Logger } from 'pino';

export type Log = Logger;

/** One JSON object a line: time (ISO 8601, UTC), level by name, app, msg; an AtsError under `err` brings its code. Written before the call returns. */
export function createLog(app: string, level: string, destination: DestinationStream = pino.destination({ dest: 1, sync: true })): Log {
  return pino({
    level,
    base: { app },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: serializeError },
  }, destination);
}

/** The stack is for debugging: a person acts on the code and the message. */
function serializeError(error: unknown): unknown {
  if (isAtsError(error)) return { code: error.code, message: error.message };
  return error instanceof Error ? stdSerializers.err(error) : error;
}

/** Contexts in which Nest tells of its own start. */
const NEST_START = new Set(['NestFactory', 'InstanceLoader', 'RoutesResolver', 'RouterExplorer', 'NestApplication', 'NestMicroservice']);

/** Nest's log through pino; what Nest says of its own start is for debugging. */
export function createNestLog(log: Log): LoggerService {
  // Nest passes (message, ...more, context), and an error or its stack among the rest.
  const to = (level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal') => (message: unknown, ...rest: unknown[]): void => {
    const err = [message, ...rest].find((part) => part instanceof Error);
    const stack = rest.length > 1 && typeof rest[0] === 'string' ? { stack: rest[0] } : {};
    log[level]({ context: rest.at(-1), ...(err === undefined ? stack : { err }) }, message instanceof Error ? message.message : String(message));
  };
  return {
    log: (message: unknown, ...rest: unknown[]) => to(NEST_START.has(String(rest.at(-1))) ? 'debug' : 'info')(message, ...rest),
    verbose: to('trace'), debug: to('debug'), warn: to('warn'), error: to('error'), fatal: to('fatal'),
  };
}
