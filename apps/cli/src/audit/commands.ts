import type { Layout } from '../layout.js';
import { recoverLogCommand, recoverLogFrom } from '../recover/command.js';
import { repairTransactions, repairTransactionsCommand } from '../repair/command.js';
import type { Say } from '../say.js';
import { archive, archiveCommand } from './archive.js';
import { audit, auditCommand } from './audit.js';
import { erase } from './erase.js';
import { helpOf, readArguments, type Command } from './flags.js';
import { EXIT, exitOf } from './outcome.js';
import { prove, proveCommand } from './prove.js';
import { verify, verifyCommand } from './verify.js';

const eraseCommand = {
  usage: 'erase HOUSEHOLD',
  summary: 'Destroys the keys of a household: what was sealed to it can no longer be opened. The log stays verifiable.',
  flags: {},
} as const satisfies Command;

interface Run { (args: readonly string[], layout: Layout, say: Say, signal: AbortSignal): Promise<number> }

const COMMANDS: Readonly<Record<string, { command: Command; run: Run }>> = {
  audit: { command: auditCommand, run: audit },
  archive: { command: archiveCommand, run: archive },
  prove: { command: proveCommand, run: prove },
  verify: { command: verifyCommand, run: verify },
  erase: {
    command: eraseCommand,
    run: async (args, layout, say) => {
      const { rest: [household] } = readArguments(eraseCommand, args, { least: 1, most: 1 });
      await erase(layout, household!, say);
      return EXIT.holds;
    },
  },
  'repair-transactions': { command: repairTransactionsCommand, run: repairTransactions },
  'recover-log': { command: recoverLogCommand, run: recoverLogFrom },
};

/** Lines of the command line's usage. */
export const AUDIT_USAGE = Object.values(COMMANDS).map(({ command: { usage, summary } }) => `  ${usage.split(' [', 1)[0]!.padEnd(36)} ${summary.split('\n', 1)[0]!.split(/[.:] /, 1)[0]!.replace(/\.$/, '')}\n`).join('');

/** Whether the command is one of those that read, prove, erase or recover. */
export function isAuditCommand(name: string | undefined): name is string {
  return name !== undefined && Object.hasOwn(COMMANDS, name);
}

/** Runs one of them. @returns its exit status; an error is told in one line by `fail` and decides the status */
export async function runAuditCommand(name: string, args: readonly string[], { layout, say, signal, fail }: { layout: () => Layout; say: Say; signal: AbortSignal; fail: (error: unknown) => void }): Promise<number> {
  const { command, run } = COMMANDS[name]!;
  if (args.includes('--help') || args.includes('-h')) {
    say(helpOf(command).trimEnd());
    return 0;
  }
  try {
    return await run(args, layout(), say, signal);
  } catch (error) {
    fail(error);
    return exitOf(error);
  }
}
