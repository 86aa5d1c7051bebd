import { parseArgs, type ParseArgsConfig } from 'node:util';
import { AtsError } from '#libs/errors';

/** A flag with a value, its name for people, and what it does. */
export interface Flag { readonly value?: string; readonly help: string }
export type Flags = Readonly<Record<string, Flag>>;

/** The flags that were given. */
export type Given<F extends Flags> = { readonly [K in keyof F]?: F[K] extends { value: string } ? string : boolean };

export interface Command<F extends Flags = Flags> {
  readonly usage: string;
  readonly summary: string;
  readonly flags: F;
}

/** Reads a command's arguments. @throws AtsError ATS_CONFIG_INVALID */
export function readArguments<F extends Flags>({ usage, flags }: Command<F>, args: readonly string[], positionals: { least: number; most: number }): { given: Given<F>; rest: string[] } {
  const options = Object.fromEntries(Object.entries(flags).map(([name, { value }]) => [name, { type: value === undefined ? 'boolean' : 'string' }])) as NonNullable<ParseArgsConfig['options']>;
  let parsed: { values: object; positionals: string[] };
  try {
    parsed = parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (cause) {
    throw wrong(cause instanceof Error ? cause.message.split('. ', 1)[0]! : String(cause), usage);
  }
  const { length } = parsed.positionals;
  if (length < positionals.least || length > positionals.most) throw wrong(`${length} arguments were given`, usage);
  return { given: parsed.values as Given<F>, rest: parsed.positionals };
}

/** A flag's value, also among arguments that {@link readArguments} refuses. */
export function valueOf(args: readonly string[], name: string): string | undefined {
  const value = parseArgs({ args: [...args], options: { [name]: { type: 'string' } }, strict: false }).values[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** The text of `attestream COMMAND --help`. */
export function helpOf({ usage, summary, flags }: Command): string {
  const rows = Object.entries(flags).map(([name, { value, help }]) => [`--${name}${value === undefined ? '' : ` ${value}`}`, help] as const);
  const width = Math.max(...rows.map(([name]) => name.length));
  return `usage: attestream ${usage}\n\n${summary}\n\n${rows.map(([name, help]) => `  ${name.padEnd(width)}  ${help}\n`).join('')}`;
}

function wrong(why: string, usage: string): AtsError {
  return new AtsError('ATS_CONFIG_INVALID', why, { todo: `Usage: attestream ${usage}` });
}
