import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { z } from 'zod';
import { readDeployment, type Deployment } from '#libs/chain';
import { AtsError } from '#libs/errors';
import { directoryLog, httpLog, type LogSource } from '#libs/audit';
import { noteVerifier } from '#libs/log';
import type { Layout } from '../layout.js';

/** Where an audit finds things, unless the flags say otherwise: what `make run` has written down. */
const endpointsSchema = z.object({
  kafka: z.object({ brokers: z.string() }),
  registry: z.object({ url: z.string() }),
  chain: z.object({ rpcUrl: z.string() }),
  log: z.object({ url: z.string(), vkeyFile: z.string(), directory: z.string() }).optional(),
});

export interface PlaceFlags { log?: string; vkey?: string; rpc?: string; brokers?: string; registry?: string; deployment?: string }

/** The flags of {@link PlaceFlags}, as commands list them. */
export const PLACE_FLAGS = {
  log: { value: 'URL|DIR', help: "the log: its URL, or its served folder (default: make run's)" },
  vkey: { value: 'FILE', help: "the log's public key (default: make run's)" },
  rpc: { value: 'URL', help: "an Ethereum node that you trust (default: make run's)" },
  deployment: { value: 'FILE', help: "deployment.json: the contracts (default: make run's)" },
} as const;

export const KAFKA_FLAGS = {
  brokers: { value: 'HOST:PORT,...', help: "Kafka (default: make run's)" },
  registry: { value: 'URL', help: "schema registry (default: make run's)" },
} as const;

export const CIRCUITS_FLAG = { circuits: { value: 'DIR', help: "verification keys of the circuits (default: this program's)" } } as const;

/** Where something is, and whether the user named it: what was only assumed may be away. */
export interface Place { readonly at: string; readonly named: boolean }

/** Places by what they are for; what nobody named and make run has not written down is absent. */
export class Places {
  readonly #endpoints: z.infer<typeof endpointsSchema> | undefined;

  /** @throws AtsError ATS_CONFIG_INVALID when endpoints.json is there and is none */
  constructor(private readonly layout: Pick<Layout, 'endpointsFile' | 'deploymentFile' | 'home'>, private readonly flags: PlaceFlags) {
    this.#endpoints = readEndpoints(layout.endpointsFile);
  }

  get brokers(): Place | undefined { return this.#place('brokers', this.#endpoints?.kafka.brokers); }
  get registry(): Place | undefined { return this.#place('registry', this.#endpoints?.registry.url); }
  get rpc(): Place | undefined { return this.#place('rpc', this.#endpoints?.chain.rpcUrl); }

  /** @throws AtsError ATS_DEPLOYMENT_INVALID */
  deployment(): Deployment {
    return readDeployment(this.flags.deployment ?? this.layout.deploymentFile);
  }

  /** Whether {@link log} has something to go to without being told. */
  get knowsLog(): boolean { return this.#endpoints?.log !== undefined; }

  /** The log's key, checked to be one. @throws AtsError ATS_CONFIG_INVALID, ATS_NOTE_KEY_INVALID */
  vkey(): string {
    const file = this.flags.vkey ?? this.#endpoints?.log?.vkeyFile;
    if (file === undefined) throw missing('vkey', 'which key the log signs with');
    const vkey = readText(file, 'the key of the log').trim();
    noteVerifier(vkey);
    return vkey;
  }

  /** The log: what the flag names, or make run's by HTTP while it is served and its folder otherwise. */
  async log(): Promise<{ source: LogSource; place: string }> {
    const { log } = this.flags;
    if (log !== undefined) return /^https?:/i.test(log) ? overHttp(log) : inFolder(log);
    const own = this.#endpoints?.log;
    if (own === undefined) throw missing('log', 'where the log is');
    return await answers(new URL(own.url).host) ? overHttp(own.url) : inFolder(join(own.directory, 'public'));
  }

  #place(flag: 'brokers' | 'registry' | 'rpc', assumed: string | undefined): Place | undefined {
    const named = this.flags[flag];
    if (named !== undefined) return { at: named, named: true };
    return assumed === undefined ? undefined : { at: assumed, named: false };
  }
}

/** A log by HTTP. @throws AtsError ATS_CONFIG_INVALID for what is no URL */
function overHttp(url: string): { source: LogSource; place: string } {
  try {
    return { source: httpLog(url), place: url };
  } catch (cause) {
    throw new AtsError('ATS_CONFIG_INVALID', `${JSON.stringify(url)} is no URL of a log`, { todo: 'Write it like http://127.0.0.1:17413/log/.', cause });
  }
}

/** A log's served folder. @throws AtsError ATS_TILE_MISSING when it has no checkpoint */
function inFolder(dir: string): { source: LogSource; place: string } {
  const checkpoint = join(dir, 'checkpoint');
  if (!existsSync(checkpoint)) throw new AtsError('ATS_TILE_MISSING', checkpoint, { todo: "Name the folder that holds the log's checkpoint." });
  return { source: directoryLog(dir), place: dir };
}

/** Whether something listens on one of `host:port,...`. */
export async function answers(hosts: string): Promise<boolean> {
  for (const host of hosts.split(',')) {
    const { hostname, port } = new URL(`tcp://${host.trim()}`);
    const heard = await new Promise<boolean>((resolve) => {
      const socket = connect({ host: hostname, port: Number(port || 80), timeout: 2000 });
      const end = (answer: boolean) => {
        socket.destroy();
        resolve(answer);
      };
      socket.once('connect', () => end(true)).once('error', () => end(false)).once('timeout', () => end(false));
    });
    if (heard) return true;
  }
  return false;
}

/** @throws AtsError ATS_CONFIG_INVALID when the file can't be read */
export function readBytes(file: string, what: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new AtsError('ATS_CONFIG_INVALID', `${what} can't be read: ${cause instanceof Error ? cause.message : String(cause)}`, { todo: 'Correct the name of the file.', cause });
  }
}

export function readText(file: string, what: string): string {
  return readBytes(file, what).toString('utf8');
}

function readEndpoints(file: string): z.infer<typeof endpointsSchema> | undefined {
  if (!existsSync(file)) return undefined;
  try {
    return endpointsSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (cause) {
    throw new AtsError('ATS_CONFIG_INVALID', `${file} is not what make run writes`, { todo: 'Name all places with flags, or run make run once.', cause });
  }
}

function missing(flag: keyof PlaceFlags, what: string): AtsError {
  return new AtsError('ATS_CONFIG_INVALID', `nobody says ${what}`, { todo: `Name it with --${flag}, or run make run once.` });
}
