import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { isAtsError } from '#libs/errors';
import {
  addSignatures, cosignatureVerifier, EMPTY_ROOT, generateLogKey, noteSigner, openPolicyCheckpoint, parseNote, parsePolicy, WitnessClient, type NoteSigner, type Policy,
} from '#libs/log';
import { freePorts, startPart, type Part } from '#libs/stack';
import { cosigner } from '../../libs/log/test/cosigner.js';
import { flip, SIZES, type OurLog } from './our-log.js';
import { ours, row, type ForeignTools, type Row } from './tool.js';

const NAME = 'witness.example/lite';

/** A litewitness with its database and the ssh-agent that holds its key. */
export class LiteWitness {
  #part: Part | undefined;
  #agent: Part | undefined;
  #fingerprint: string;
  #port: number;
  vkey: string;

  private constructor(readonly tools: ForeignTools, readonly folder: string) {}

  static async start(tools: ForeignTools, folder: string): Promise<LiteWitness> {
    const witness = new LiteWitness(tools, folder);
    witness.#agent = await startPart({
      name: 'ssh-agent', program: tools.path('foreign'), args: ['agent', join(folder, 'agent.sock')], logFile: join(folder, 'agent.log'),
      ready: (read) => (witness.#fingerprint = /^SHA256:\S+$/m.exec(read())?.[0] ?? '') !== '',
    });
    [witness.#port] = await freePorts(1) as [number];
    await witness.run();
    return witness;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get argv(): string[] {
    return ['litewitness', '-name', NAME, '-db', join(this.folder, 'witness.db'), '-ssh-agent', join(this.folder, 'agent.sock'), '-key', this.#fingerprint, '-listen', `127.0.0.1:${this.#port}`];
  }

  async run(): Promise<void> {
    const [, ...args] = this.argv;
    let log = '';
    this.#part = await startPart({
      name: 'litewitness', program: this.tools.path('litewitness'), args, logFile: join(this.folder, 'litewitness.log'),
      // it listens a moment after it says so
      ready: async (read) => (log = read()).includes('msg=listening') && await fetch(this.url).then(() => true, () => false),
    });
    this.vkey = /vkey="?([^"\s]+)/.exec(log)![1]!;
  }

  /** Ends it and starts it again on what it has stored. */
  async restart(): Promise<void> {
    await this.#part!.stop();
    await this.run();
  }

  trust(origin: string, vkey: string): void {
    execFileSync(this.tools.path('foreign'), ['trust', join(this.folder, 'witness.db'), origin, vkey]);
  }

  async stop(): Promise<void> {
    await this.#part?.stop();
    await this.#agent?.stop();
  }
}

/** Has the log grow to each of its sizes, each checkpoint cosigned and published, and the witness refuse what it must. */
export async function cosignedLog(log: OurLog, witness: LiteWitness, rows: (row: Row) => void): Promise<void> {
  const version = witness.tools.version('litewitness', 'filippo.io/torchwood');
  witness.trust(log.origin, log.key.vkey);
  const policy = parsePolicy(`log ${log.key.vkey}\nwitness w ${witness.vkey} ${witness.url}\nquorum w\n`);
  const verifiers = [cosignatureVerifier(witness.vkey)];
  const client = new WitnessClient({ url: witness.url, verifiers });

  const cosign = async (by: WitnessClient, size: number): Promise<boolean> => {
    await log.grow(size);
    const note = addSignatures(log.sign(), await by.cosign(log.sign(), log.proofTo(size)));
    await log.publish(note);
    return openPolicyCheckpoint(note, policy).cosigners.length === 1 && by.oldSize === size;
  };
  const live = await ours('cosigns live', async () => {
    for (const size of SIZES.slice(0, -2)) if (!(await cosign(client, size))) return false;
    return true;
  });
  await witness.restart();
  const forgetful = new WitnessClient({ url: witness.url, verifiers });
  const restarted = await ours('goes on after a restart', async () => {
    // the client knows the witness, then one that has to ask for the size
    return await cosign(client, SIZES.at(-2)!) && await cosign(forgetful, SIZES.at(-1)!);
  });

  const size = SIZES.at(-1)!;
  const head = await log.grow(size + 10);
  const [thief, other] = [log.origin, 'other.example/log'].map((name) => noteSigner(generateLogKey(name).privateKey)) as [NoteSigner, NoteSigner];
  const refuses = async (note: Buffer, proof: (from: number) => Promise<Buffer[]>, code: string, status: string): Promise<boolean> => {
    try {
      await new WitnessClient({ url: witness.url, verifiers }).cosign(note, proof);
      return false;
    } catch (error) {
      return isAtsError(error) && error.code === code && error.message.includes(status);
    }
  };
  const real = log.proofTo(head.size);
  const tampered = {
    'another root for a size that it cosigned': await refuses(log.sign({ size, root: flip(head.root, 0) }), async () => [], 'ATS_WITNESS_REFUSED', 'HTTP 422'),
    'a tree that is no extension': await refuses(log.sign({ size: head.size, root: flip(head.root, 31) }), real, 'ATS_WITNESS_REFUSED', 'HTTP 422'),
    'a proof with a bit changed': await refuses(log.sign(head), async (from) => (await real(from)).map((hash, i) => (i === 1 ? flip(hash, 3) : hash)), 'ATS_WITNESS_REFUSED', 'HTTP 422'),
    'a smaller tree': await refuses(log.sign({ size: 0, root: EMPTY_ROOT }), async () => [], 'ATS_WITNESS_AHEAD', `cosigned size ${size}`),
    'a checkpoint of another key': await refuses(log.sign(head, log.origin, thief), real, 'ATS_WITNESS_REFUSED', 'HTTP 403'),
    'a log that it does not know': await refuses(log.sign(head, other.name, other), real, 'ATS_WITNESS_REFUSED', 'HTTP 404'),
  };
  const tamperedRefused = Object.values(tampered).every(Boolean);
  for (const [name, outcome] of [['litewitness cosigns our checkpoints live', live], ['litewitness goes on after a restart', restarted]] as const) {
    rows({ name, version, argv: witness.argv, exit: outcome.exit, accepted: outcome.accepted, tamperedRefused, tampered, said: outcome.output });
  }

  const note = log.published();
  const line = parseNote(note).signatures.find(({ name }) => name === NAME)!;
  const stranger = cosigner(NAME, 'ed25519', 1n);
  rows(await row(
    'libs/log on cosignatures of litewitness', version,
    ({ bytes, by }: { bytes: Buffer; by: Policy }) => ours('openPolicyCheckpoint', () => openPolicyCheckpoint(bytes, by).cosigners.length === 1),
    { bytes: note, by: policy },
    {
      'its time changed': { bytes: addSignatures(note, [{ ...line, signature: flip(line.signature, 7) }]), by: policy },
      'its signature changed': { bytes: addSignatures(note, [{ ...line, signature: flip(line.signature, 40) }]), by: policy },
      'put under another checkpoint': { bytes: addSignatures(log.sign(head), [line]), by: policy },
      'left out': { bytes: log.sign(head), by: policy },
      'of another witness': { bytes: note, by: parsePolicy(`log ${log.key.vkey}\nwitness w ${stranger.vkey}\nquorum w\n`) },
    },
  ));
}
