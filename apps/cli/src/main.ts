import { parseArgs } from 'node:util';
import { ConfigError } from '#libs/config';
import { AtsError, isAtsError } from '#libs/errors';
import { config } from './config.js';
import { layoutOf } from './layout.js';
import { reset } from './reset.js';
import { run } from './run.js';

const USAGE = `usage: attestream COMMAND

  run            start everything and watch it; Ctrl-C stops it
    --once       do the main job once, check it, write report.json, stop
    --keep       with --once: leave everything running in the background
  stop           stop what --keep left running
  reset          forget all data

`;

async function main(): Promise<number> {
  const { values: flags, positionals: [command, ...rest] } = parseArgs({
    allowPositionals: true,
    options: { once: { type: 'boolean' }, keep: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  });
  if (flags.help || command === undefined || rest.length > 0) {
    process.stdout.write(USAGE + config.help());
    return flags.help ? 0 : 2;
  }
  const { logLevel, ...values } = config.load();
  const layout = layoutOf(values);
  const say = (line: string) => void process.stdout.write(`${line}\n`);
  switch (command) {
    case 'run':
      await run({ layout, logLevel, say, signal: stopSignal(say) });
      return 0;
    case 'reset':
      await reset(layout);
      return 0;
    default:
      process.stdout.write(USAGE);
      return 2;
  }
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
