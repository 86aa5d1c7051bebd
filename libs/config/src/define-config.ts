import { AtsError } from '#libs/errors';
import { z } from 'zod';
import { defaultOf, expectedOf } from './expected.js';

/** One value that an app reads from its environment. */
export interface Setting<S extends z.ZodType = z.ZodType> {
  /** Name of the environment variable. */
  readonly key: `ATTESTREAM_${string}`;
  /** Reads the variable's text; a default makes it optional. */
  readonly schema: S;
  /** What it decides, with its unit. */
  readonly description: string;
  /** Its value is never shown. */
  readonly secret: boolean;
}

export type Settings = Readonly<Record<string, Setting>>;

/** The values of an app, by their names in code. */
export type ConfigValues<S extends Settings> = { readonly [K in keyof S]: z.output<S[K]['schema']> };

export interface Config<S extends Settings = Settings> {
  readonly app: string;
  readonly settings: S;
  /**
   * The typed values of an environment. An empty variable counts as missing.
   * @throws ConfigError (ATS_CONFIG_INVALID) that names every wrong key
   */
  load(env?: Readonly<Record<string, string | undefined>>): ConfigValues<S>;
  /** The text of `--help`. */
  help(): string;
}

/** Every wrong key of an environment, one line each in {@link faults}. */
export class ConfigError extends AtsError {
  constructor(readonly faults: readonly AtsError[]) {
    super('ATS_CONFIG_INVALID', faults.map(({ why }) => why).join('; '));
  }
}

/** A setting. The key's name says whether its value is a secret, unless told otherwise; secrets belong in files (`..._FILE`). */
export function setting<S extends z.ZodType>(
  key: `ATTESTREAM_${string}`, schema: S, description: string, options: { secret?: boolean } = {},
): Setting<S> {
  return { key, schema, description, secret: options.secret ?? /(PASSWORD|SECRET|TOKEN|PRIVATE_KEY)$/.test(key) };
}

/**
 * The configuration of one app: `--help`, docs/configuration.md and the checks all come from it.
 * @example
 * export const config = defineConfig('proof-gate', {
 *   ...commonConfig,
 *   batchRecords: setting('ATTESTREAM_GATE_BATCH_RECORDS', z.coerce.number().int().min(1).default(100), 'Records in one transaction at most.'),
 * });
 * const { batchRecords } = config.load();
 */
export function defineConfig<const S extends Settings>(app: string, settings: S): Config<S> {
  const keys = Object.values(settings).map(({ key }) => key);
  const twice = keys.find((key, i) => keys.indexOf(key) !== i);
  if (twice !== undefined) throw new RangeError(`${app} defines ${twice} twice`);
  return { app, settings, load: (env = process.env) => load(settings, env), help: () => help(app, settings) };
}

function load<S extends Settings>(settings: S, env: Readonly<Record<string, string | undefined>>): ConfigValues<S> {
  const values: Record<string, unknown> = {};
  const faults: AtsError[] = [];
  for (const [name, { key, schema, secret }] of Object.entries(settings)) {
    const given = env[key] === '' ? undefined : env[key];
    const result = schema.safeParse(given);
    if (result.success) values[name] = result.data;
    else faults.push(new AtsError('ATS_CONFIG_INVALID', `${key} ${describeGiven(given, secret)}, expected ${expectedOf(schema)}`));
  }
  if (faults.length > 0) throw new ConfigError(faults);
  return values as ConfigValues<S>;
}

function describeGiven(given: string | undefined, secret: boolean): string {
  if (given === undefined) return 'is missing';
  if (secret) return `is wrong (${given.length} characters, not shown)`;
  return `is ${JSON.stringify(given.length > 100 ? `${given.slice(0, 100)}...` : given)}`;
}

function help(app: string, settings: Settings): string {
  const lines = Object.values(settings).map(({ key, schema, description, secret }) => {
    const fallback = defaultOf(schema);
    const need = fallback === undefined ? 'required' : `default ${secret ? 'set' : fallback}`;
    return `  ${key}\n      ${description}\n      Expected: ${expectedOf(schema)}; ${need}.`;
  });
  return `${app} reads its configuration from environment variables:\n\n${lines.join('\n')}\n`;
}
