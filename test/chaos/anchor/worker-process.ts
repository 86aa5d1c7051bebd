/**
 * One life of a worker, as a process of its own. Argument: its settings as JSON. It loads, waits for one line on stdin that says where it is to be
 * killed, and works. What it says it did is appended to a file, so that a kill loses none of it.
 */
import { appendFileSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { AnchorWorker, Endpoints, FileJournal, JOURNAL_CALLS, keyFileSigner, type AnchorEvent, type AnchorState, type Journal, type JournalCalls } from '#libs/anchor';
import { GrowingLog } from '../../../libs/anchor/test/growing-log.js';
import type { Claim } from './judge.js';

/** Instants at which a life can end by its own hand: within each system call of a journal write, and around signing, sending and looking. */
export const WINDOWS = ['open', 'write', 'sync', 'close', 'rename', 'renamed', 'sign', 'send', 'sent', 'observed'] as const;
export type Window = (typeof WINDOWS)[number];

/**
 * A fault that the judge must find. journal-late: what is planned and signed becomes durable after it was sent. latest-final: the newest block is
 * taken for final. one-endpoint: the first endpoint is trusted alone.
 */
export type Fault = 'journal-late' | 'latest-final' | 'one-endpoint';

export interface LifeSettings {
  journalFile: string; keyFile: string; claimsFile: string; sizeFile: string; endpoints: string[];
  chainId: number; contract: string; logId: string; fault?: Fault | undefined;
}
export interface LifeOrder { kill?: { at: Window; nth: number } }

const settings = JSON.parse(process.argv[2]!) as LifeSettings;
const order = await new Promise<LifeOrder>((resolve) => createInterface(process.stdin).once('line', (line) => resolve(JSON.parse(line) as LifeOrder)));
let left = order.kill?.nth ?? 0;

/** Ends the process, when this is the instant. `half`: what is left half done. */
function at(window: Window, half?: () => void): void {
  if (order.kill?.at !== window || --left > 0) return;
  half?.();
  process.kill(process.pid, 'SIGKILL');
}

const calls: JournalCalls = {
  openSync: ((...args: Parameters<typeof JOURNAL_CALLS.openSync>) => { at('open'); return JOURNAL_CALLS.openSync(...args); }),
  writeSync: ((descriptor: number, bytes: Buffer, from: number) => {
    at('write', () => JOURNAL_CALLS.writeSync(descriptor, bytes.subarray(0, bytes.length / 2), 0));
    return JOURNAL_CALLS.writeSync(descriptor, bytes, from);
  }) as JournalCalls['writeSync'],
  fsyncSync: (descriptor) => { at('sync'); JOURNAL_CALLS.fsyncSync(descriptor); },
  closeSync: (descriptor) => { at('close'); JOURNAL_CALLS.closeSync(descriptor); },
  renameSync: (from, to) => { at('rename'); JOURNAL_CALLS.renameSync(from, to); at('renamed'); },
};

/** Keeps what should be durable before it is sent in memory until afterwards. */
class LateJournal implements Journal {
  #late: AnchorState | undefined;
  constructor(readonly journal: Journal) {}
  read(): AnchorState { return this.journal.read(); }
  write(state: AnchorState): void {
    this.#late = state.job?.step === 'PLANNED' || state.job?.step === 'SIGNED' ? state : undefined;
    if (!this.#late) this.journal.write(state);
  }
  flush(): void { if (this.#late) this.journal.write(this.#late); }
}

const signer = keyFileSigner(settings.keyFile);
const owner = { chainId: settings.chainId, contract: settings.contract, logId: settings.logId, address: signer.address };
const file = new FileJournal(settings.journalFile, owner, calls);
const late = settings.fault === 'journal-late' ? new LateJournal(file) : undefined;

class MortalEndpoints extends Endpoints {
  override async observe(...args: Parameters<Endpoints['observe']>): ReturnType<Endpoints['observe']> {
    const view = await super.observe(...args);
    at('observed');
    return view;
  }
  override async send(raw: string): Promise<boolean> {
    at('send');
    const taken = await super.send(raw);
    at('sent');
    late?.flush();
    return taken;
  }
}

if (settings.fault === 'latest-final') {
  const honest = globalThis.fetch;
  globalThis.fetch = (input, init) => honest(input, { ...init, body: typeof init?.body === 'string' ? init.body.replaceAll('"finalized"', '"latest"') : null });
}
const endpoints = settings.fault === 'one-endpoint' ? settings.endpoints.slice(0, 1) : settings.endpoints;

const log = new GrowingLog();
const say = (claim: Claim): void => appendFileSync(settings.claimsFile, `${JSON.stringify(claim)}\n`);
function onEvent(event: AnchorEvent): void {
  switch (event.type) {
    case 'planned': case 'mined': case 'reorganised': case 'replanned': case 'adopted': case 'overtaken':
      return say({ type: event.type, size: event.head.size, root: event.head.root.toString('hex') });
    case 'resumed': return say({ type: 'planned', size: event.job.target.size, root: event.job.target.root.toString('hex') });
    case 'final': return say({ type: 'final', size: event.head.size, root: event.head.root.toString('hex'), tx: event.tx, blockHash: event.block.hash });
    case 'signed': return say({ type: event.attempt > 1 ? 'raised' : 'signed', size: event.head.size });
    case 'problem': return say({ type: 'problem', code: event.error.code });
    case 'endpoint-out': case 'endpoint-contradicts': return say({ type: event.type, code: event.error.code });
    default: return undefined;
  }
}

const worker = new AnchorWorker({
  ...settings, endpoints, logId: Buffer.from(settings.logId.slice(2), 'hex'), onEvent, pollMs: 5,
  signer: { address: signer.address, signTransaction: async (transaction) => { const raw = await signer.signTransaction(transaction); at('sign'); return raw; } },
  source: {
    latest: async () => { log.size = Number(readFileSync(settings.sizeFile, 'utf8')); return log.latest(); },
    consistencyProof: (from, to) => log.consistencyProof(from, to),
  },
  policy: { minEntries: 4, maxAgeSeconds: 2, targetBaseFeeGwei: 30, maxFeeGwei: 100, maxCostWei: 10n ** 17n },
}, {
  journal: late ?? file,
  chain: new MortalEndpoints({ urls: endpoints, owner, timeoutMs: 1_000, retryMs: 50, onEvent }),
});
say({ type: 'born' });
await worker.run(new AbortController().signal);
