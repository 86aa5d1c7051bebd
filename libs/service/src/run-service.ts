import 'reflect-metadata';
import { setTimeout as delay } from 'node:timers/promises';
import type { INestApplication, INestApplicationContext, ModuleMetadata } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { CustomTransportStrategy } from '@nestjs/microservices';
import { ConfigError, type Config, type ConfigValues, type Settings } from '#libs/config';
import { AtsError, isAtsError } from '#libs/errors';
import type { serviceConfig } from './common-config.js';
import { createLog, createNestLog, type Log } from './log.js';
import { Readiness } from './readiness.js';
import { ServiceModule } from './service.module.js';

/** How long a stop may take: drain, commit, leave the group, whatever hangs meanwhile. A supervisor that kills must wait longer. */
export const STOP_DEADLINE_MS = 5_000;

export interface RunServiceParameters<S extends Settings & typeof serviceConfig> {
  config: Config<S>;
  /**
   * The app's module. Its lifecycle hooks must not wait for the outside, since health answers only after them; what handlers use is closed in
   * onApplicationShutdown, after the strategy has drained.
   */
  module: NonNullable<ModuleMetadata['imports']>[number];
  /** A transport whose `@EventPattern` handlers the app has; it listens once health does. */
  strategy?: (app: INestApplicationContext) => CustomTransportStrategy;
  /**
   * The app's own work, begun once health answers; it may wait for the outside and may last as long as the app. On a stop the signal is aborted, and the
   * modules are closed after it has returned. An error that it throws ends the app.
   */
  start?: (app: INestApplicationContext, stopping: AbortSignal) => Promise<void>;
}

/**
 * Runs one app as this process: `--help`, configuration, structured log, health and metrics, work, graceful stop on SIGTERM or SIGINT.
 * Never returns: the process exits with 0 after a stop or --help, with 1 after an error, which is one line on stderr (and in the log once there is one).
 * A second signal ends it at once.
 */
export async function runService<S extends Settings & typeof serviceConfig>(parameters: RunServiceParameters<S>): Promise<never> {
  const { config } = parameters;
  if (process.argv.slice(2).some((argument) => argument === '--help' || argument === '-h')) {
    process.stdout.write(config.help());
    return process.exit(0);
  }
  const values = loadOrExit(config);
  const { logLevel } = values as ConfigValues<typeof serviceConfig>;
  const log = createLog(config.app, logLevel);
  process.on('uncaughtException', (error) => fail(error, log)).on('unhandledRejection', (error) => fail(error, log));
  try {
    await serve(parameters, values, log);
  } catch (error) {
    fail(error, log);
  }
  return process.exit(0);
}

async function serve<S extends Settings & typeof serviceConfig>({ config, module, strategy, start }: RunServiceParameters<S>, values: ConfigValues<S>, log: Log): Promise<void> {
  const stopping = new AbortController();
  const signalled = stopOnSignal(stopping, log);
  const readiness = new Readiness();
  readiness.set('start', 'the app itself');
  const { httpPort } = values as ConfigValues<typeof serviceConfig>;
  const root = { module: class Root {}, imports: [ServiceModule.with({ app: config.app, values, log, readiness, stopping: stopping.signal }), module] };
  const app = await NestFactory.create(root, { logger: createNestLog(log), abortOnError: false, forceCloseConnections: true });
  await listen(app, httpPort);
  log.info({ url: await app.getUrl() }, 'health and metrics answer');

  const work = Promise.all([
    start?.(app, stopping.signal),
    strategy === undefined ? undefined : startStrategy(app, strategy(app)),
  ]);
  readiness.set('start', null);
  // Work that fails ends the app; work that is done does not.
  await Promise.race([signalled, work.then(() => signalled)]);
  readiness.set('stop', 'stopping');
  await withinDeadline(work.catch(ignoreAbort).then(() => app.close()));
  log.info('stopped');
}

async function listen(app: INestApplication, port: number): Promise<void> {
  try {
    await app.listen(port, '127.0.0.1');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new AtsError('ATS_PORT_IN_USE', `127.0.0.1:${port}`, { todo: 'Free it or set ATTESTREAM_HTTP_PORT.', cause: error });
  }
}

async function startStrategy(app: INestApplication, strategy: CustomTransportStrategy): Promise<void> {
  app.connectMicroservice({ strategy });
  await app.startAllMicroservices();
}

/** Resolves, and aborts the controller, at the first signal; the second ends the process. The handlers stay, so that no signal meets the default. */
async function stopOnSignal(stopping: AbortController, log: Log): Promise<void> {
  await new Promise<void>((resolve) => {
    const handle = (signal: NodeJS.Signals): void => {
      if (stopping.signal.aborted) process.exit(1);
      stopping.abort();
      log.info({ signal }, 'stopping');
      resolve();
    };
    process.on('SIGTERM', handle).on('SIGINT', handle);
  });
}

/** Work may end a stop by throwing that it was aborted. */
function ignoreAbort(error: unknown): void {
  if (!(error instanceof Error) || error.name !== 'AbortError') throw error;
}

async function withinDeadline(stop: Promise<unknown>): Promise<void> {
  const late = Symbol('late');
  const timer = new AbortController();
  const first = await Promise.race([stop, delay(STOP_DEADLINE_MS, late, { signal: timer.signal })]).finally(() => timer.abort());
  if (first === late) throw new AtsError('ATS_INTERNAL', `it did not stop within ${STOP_DEADLINE_MS / 1000} s`);
}

function loadOrExit<S extends Settings>(config: Config<S>): ConfigValues<S> {
  try {
    return config.load();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const fault of error.faults) process.stderr.write(`${fault.message}\n`);
    return process.exit(1);
  }
}

/** One line for a person, one for the log, the stack only at level debug. */
function fail(error: unknown, log: Log): never {
  const known = isAtsError(error) ? error : new AtsError('ATS_INTERNAL', error instanceof Error ? `${error.name}: ${error.message}` : String(error), { cause: error });
  log.fatal({ code: known.code }, known.message);
  log.debug({ stack: error instanceof Error ? error.stack : undefined }, 'where it happened');
  process.stderr.write(`${known.message}\n`);
  return process.exit(1);
}
