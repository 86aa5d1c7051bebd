import { parseArgs } from 'node:util';
import { AUDIT_USAGE, isAuditCommand, runAuditCommand } from './audit/commands.js';
import { runInBackground, tellForeground } from './background.js';
import { config } from './config.js';
import { layoutOf } from './layout.js';
import { runOnce } from './once/run-once.js';
import { oneLine } from './one-line.js';
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

${AUDIT_USAGE}
`;

async function main(): Promise<number> {
  const [name, ...args] = process.argv.slice(2);
  if (isAuditCommand(name)) {
    return await runAuditCommand(name, args, {
      layout: () => layoutOf(config.load()), say: (line) => void process.stdout.write(`${line}\n`), fail: complain,
      signal: stopSignal((line) => void process.stderr.write(`${line}\n`)),
    });
  }
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
      else {
        const tell = flags.background ? tellForeground(say) : say;
        await runOnce({ layout, logLevel, seed, keep: flags.keep, say: tell, signal: stopSignal(tell) });
      }
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

try {
  process.exitCode = await main();
} catch (error) {
  complain(error);
  process.exitCode = 1;
}

function complain(error: unknown): void {
  process.stderr.write(`${oneLine(error)}\n`);
}
