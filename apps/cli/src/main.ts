import { parseArgs } from 'node:util';
import { runInBackground, tellForeground } from './background.js';
import { ConfigError } from '#libs/config';
import { AtsError, isAtsError } from '#libs/errors';
import { config } from './config.js';
import { layoutOf, type Layout } from './layout.js';
import { Once } from './once/once.js';
import { reset } from './reset.js';
import { run } from './run.js';
import type { Say } from './say.js';
import { stop } from './stop.js';

const USAGE = `usage: attestream COMMAND

  run            start everything and watch it; Ctrl-C stops it
    --once       do the main job once, check it, write report.json, stop
    --keep       with --once: leave everything running in the background
  stop           stop what --keep left running
  reset          forget all data

`;

/** Two epochs, so that ONCE need not wait long for the silence of a stopped agent. */
const ONCE_FRESHNESS_SECONDS = 60;

async function main(): Promise<number> {
  const { values: flags, positionals: [command, ...rest] } = parseArgs({
    allowPositionals: true,
    options: {
      once: { type: 'boolean', default: false }, keep: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h' },
      background: { type: 'boolean', default: false }, // how --keep starts itself
    },
  });
  if (flags.help || command === undefined || rest.length > 0) {
    process.stdout.write(USAGE + config.help());
    return flags.help ? 0 : 2;
  }
  const { logLevel, seed, ...values } = config.load();
  const layout = layoutOf(values);
  const say: Say = (line) => void process.stdout.write(`${line}\n`);
  switch (command) {
    case 'run':
      if (!flags.once) await run({ layout, logLevel, say, signal: stopSignal(say) });
      else if (flags.keep && !flags.background) return await runInBackground(layout.home, ['run', '--once', '--keep', '--background'], say);
      else await runOnce({ layout, logLevel, seed, keep: flags.keep, say: flags.background ? tellForeground(say) : say });
      return 0;
    case 'stop':
      await stop(layout);
      return 0;
    case 'reset':
      await reset(layout);
      return 0;
    default:
      process.stdout.write(USAGE);
      return 2;
  }
}

async function runOnce({ layout, logLevel, seed, keep, say }: { layout: Layout; logLevel: string; seed: number | undefined; keep: boolean; say: Say }): Promise<void> {
  const signal = stopSignal(say);
  const once = new Once({ layout, say, signal, seed });
  let failure: unknown;
  await run({ layout, logLevel, freshnessSeconds: ONCE_FRESHNESS_SECONDS, say, signal }, async (stack, observer) => {
    await once.run(stack, observer).catch((error: unknown) => (failure = error));
    if (!keep) return 'stop';
    say(`everything goes on in the background; see ${layout.endpointsFile}; make stop ends it`);
    process.send?.({ done: failure === undefined && once.failedChecks().length === 0 ? 0 : 1, error: failure && oneLine(failure) });
    return 'go on';
  }).catch((error: unknown) => {
    // Another instance's report is not ours to write over.
    if (!isAtsError(error, 'ATS_ALREADY_RUNNING')) once.failed(error);
    throw error;
  });
  if (signal.aborted && failure === undefined && !keep) throw new AtsError('ATS_STAGE_MISSING', 'it was stopped before its end');
  if (failure !== undefined) throw failure;
  const failed = once.failedChecks();
  if (failed.length > 0) throw new AtsError('ATS_STAGE_MISSING', failed.join(', '), { todo: `Read ${layout.reportFile}.` });
}

/** Aborted by the first SIGINT or SIGTERM. The second ends this process at once, and with it, by the kernel, its children. */
function stopSignal(say: (line: string) => void): AbortSignal {
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (stopping.signal.aborted) process.exit(1);
      say(`${signal}: stopping everything; once more to stop at once`);
      stopping.abort();
    });
  }
  return stopping.signal;
}

function oneLine(error: unknown): string {
  if (error instanceof ConfigError) return error.faults.map(({ message }) => message).join('\n');
  if (isAtsError(error)) return error.message;
  const unexpected = new AtsError('ATS_INTERNAL', error instanceof Error ? `${error.name}: ${error.message}` : String(error), { cause: error });
  return `${unexpected.message}${error instanceof Error && process.env['ATTESTREAM_LOG_LEVEL'] === 'debug' ? `\n${error.stack}` : ''}`;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${oneLine(error)}\n`);
  process.exitCode = 1;
}
