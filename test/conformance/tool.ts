import { execFile, execFileSync } from 'node:child_process';
import { basename, join } from 'node:path';
import { isAtsError } from '#libs/errors';
import { repositoryRoot } from '#libs/stack';

/** What a program said when it was run once. */
export interface Outcome { readonly argv: readonly string[]; readonly exit: number | null; readonly output: string }

/** One that hangs, crashes or does not understand its arguments neither accepts nor refuses. */
export interface Verdict extends Outcome { readonly accepted: boolean; readonly refused: boolean }

/** One row of the report: a tool, what it accepted, and which tampered copies it refused. */
export interface Row {
  readonly name: string;
  readonly version: string;
  readonly argv: readonly string[];
  readonly exit: number | null;
  readonly accepted: boolean;
  /** True when there were tampered copies and each was refused. */
  readonly tamperedRefused: boolean;
  /** Each tampered copy, and whether it was refused. */
  readonly tampered: Readonly<Record<string, boolean>>;
  /** The tool's own words about what it accepted, or why it did not. */
  readonly said: string;
}

const TOOL_TIMEOUT_MS = 90_000;

/** The foreign programs, built by scripts/install-go-tools, and the versions that are in them. */
export class ForeignTools {
  readonly #versions: Record<string, Record<string, string>>;

  private constructor(readonly folder: string) {
    const programs = ['foreign', 'fsck', 'litewitness'].map((name) => join(folder, name));
    this.#versions = JSON.parse(execFileSync(join(folder, 'foreign'), ['versions', ...programs], { encoding: 'utf8' })) as Record<string, Record<string, string>>;
  }

  /** Builds what is not in the cache yet. */
  static install(): ForeignTools {
    const packages = ['.', 'github.com/transparency-dev/tessera/cmd/fsck', 'filippo.io/torchwood/cmd/litewitness'];
    const folder = execFileSync(
      join(repositoryRoot, 'scripts/install-go-tools'), [join(repositoryRoot, 'test/conformance/foreign'), ...packages], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
    );
    return new ForeignTools(folder.trim());
  }

  path(program: string): string {
    return join(this.folder, program);
  }

  /** Of a module in a program, as its linker recorded it. */
  version(program: string, module: string): string {
    return this.#versions[program]?.[module] ?? 'unknown';
  }

  /** Runs a program to its end, whatever that is. */
  run(program: string, ...args: string[]): Promise<Outcome> {
    return new Promise((resolve) => execFile(this.path(program), args, { timeout: TOOL_TIMEOUT_MS, maxBuffer: 16 * 2 ** 20 }, (error, stdout, stderr) => {
      const exit = error === null ? 0 : typeof error.code === 'number' ? error.code : null;
      resolve({ argv: [basename(program), ...args], exit, output: `${stdout}${stderr}`.trim() });
    }));
  }

  /** The verdict of our own Go program. */
  async foreign(command: string, ...args: string[]): Promise<Verdict> {
    const outcome = await this.run('foreign', command, ...args);
    return { ...outcome, accepted: outcome.exit === 0, refused: outcome.exit === 1 && outcome.output.includes('refused: ') };
  }
}

/** A row from one run on what is good and one on each tampered copy. */
export async function row<T>(
  name: string, version: string, check: (input: T) => Promise<Verdict>, good: T, tampered: Readonly<Record<string, T>>,
): Promise<Row> {
  const { argv, exit, accepted, output } = await check(good);
  const refused: Record<string, boolean> = {};
  for (const [what, input] of Object.entries(tampered)) refused[what] = (await check(input)).refused;
  const all = Object.values(refused);
  return { name, version, argv, exit, accepted, tamperedRefused: all.length > 0 && all.every(Boolean), tampered: refused, said: output.split('\n').at(-1) ?? '' };
}

/** A check of ours, as a tool: it refuses by an AtsError, or by saying false. */
export async function ours(what: string, check: () => boolean | Promise<boolean>): Promise<Verdict> {
  const verdict = (accepted: boolean, refused: boolean, output: string) => ({ argv: ['libs/log', what], exit: accepted ? 0 : 1, accepted, refused, output });
  try {
    return await check() ? verdict(true, false, 'accepted') : verdict(false, true, 'refused: the check says false');
  } catch (error) {
    return verdict(false, isAtsError(error), `refused: ${(error as Error).message}`);
  }
}
