import { createHash } from 'node:crypto';
import { AbiCoder, Interface } from 'ethers';
import { z } from 'zod';
import { RpcRefusal, anchorCallData, checkpointAnchorContract, logIdOf } from '#libs/chain';
import { verifyConsistency } from '#libs/log';
import type { MeasuringChain, Measured } from './chain.js';
import { compileSchemes, type Compiled } from './compile.js';
import { DrawnTree } from './drawn-tree.js';

/** `perMessage`: a transaction holds one event whatever the batch; else it holds N. */
export type Scheme = 'transaction-per-message' | 'eas-attest' | 'root-as-event' | 'root-in-storage' | 'checkpoint-anchor';
export const schemes: readonly Scheme[] = ['transaction-per-message', 'eas-attest', 'root-as-event', 'root-in-storage', 'checkpoint-anchor'];
export const batchSizes = [1e2, 1e3, 1e4, 1e5, 1e6] as const;

export interface Measurement { scheme: Scheme; n: number; eventsInTransaction: number; transaction: Measured }
export interface AnchorSample { n: number; from: number; nodes: number; transaction: Measured }
export interface Measurements { rows: Measurement[]; samples: AnchorSample[]; tamperedRefused: boolean; proofsHold: boolean }

const SAMPLES_A_SIZE = 15;
const hex = (bytes: Buffer): string => `0x${bytes.toString('hex')}`;
const drawn = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Sends every scheme's transactions. What is first in a contract costs more (it makes its slots) and is sent once before. */
export async function measure(chain: MeasuringChain): Promise<Measurements> {
  const compiled = compileSchemes();
  const of = (name: string): Compiled => compiled.get(name)!;
  const rows: Measurement[] = [];

  const log = await chain.deploy(of('MessageLog'));
  const message = (i: number) => chain.call(log, of('MessageLog'), 'record', [hex(drawn(`message ${i}`)), hex(drawn(`verdict ${i}`))]);
  await message(0);
  const perMessage = await message(1);

  const schemas = await chain.deploy(of('Schemas'));
  const eas = await chain.deploy(of('Attestations'), [schemas]);
  const registration = ['bytes32 messageHash', `0x${'00'.repeat(20)}`, true];
  const schema = hex(Buffer.from(new Interface(of('Schemas').abi).decodeFunctionResult('register', await chain.rpc.call('eth_call', [{
    to: schemas, data: new Interface(of('Schemas').abi).encodeFunctionData('register', registration),
  }, 'latest'], z.string()))[0].slice(2) as string, 'hex'));
  await chain.call(schemas, of('Schemas'), 'register', registration);
  const zero = `0x${'00'.repeat(32)}`;
  const attest = (i: number) => chain.call(eas, of('Attestations'), 'attest', [[schema, [`0x${'00'.repeat(20)}`, 0, true, zero, AbiCoder.defaultAbiCoder().encode(['bytes32'], [drawn(`message ${i}`)]), 0]]]);
  await attest(0);
  const attestation = await attest(1);

  const rootEvent = await chain.deploy(of('RootEvent'));
  const rootStorage = await chain.deploy(of('RootStorage'));
  const { samples, tamperedRefused, proofsHold } = await measureAnchors(chain);
  const logId = hex(logIdOf('costs.example'));
  for (const n of batchSizes) {
    const root = hex(drawn(`root ${n}`));
    rows.push(
      { scheme: 'transaction-per-message', n, eventsInTransaction: 1, transaction: perMessage },
      { scheme: 'eas-attest', n, eventsInTransaction: 1, transaction: attestation },
      { scheme: 'root-as-event', n, eventsInTransaction: n, transaction: await chain.call(rootEvent, of('RootEvent'), 'publish', [logId, 1e6 + n, root]) },
      { scheme: 'root-in-storage', n, eventsInTransaction: n, transaction: await chain.call(rootStorage, of('RootStorage'), 'publish', [logId, 1e6 + n, root]) },
      { scheme: 'checkpoint-anchor', n, eventsInTransaction: n, transaction: median(samples.filter((sample) => sample.n === n)).transaction },
    );
  }
  return { rows, samples, tamperedRefused, proofsHold };
}

/** N entries more in logs that grow to between one and two million: for each N several sizes, each in a log of its own. */
async function measureAnchors(chain: MeasuringChain): Promise<Pick<Measurements, 'samples' | 'tamperedRefused' | 'proofsHold'>> {
  const anchor = await chain.deploy(checkpointAnchorContract, [chain.address]);
  const samples: AnchorSample[] = [];
  let tamperedRefused = true;
  let proofsHold = true;
  for (const n of batchSizes) {
    for (let i = 0; i < SAMPLES_A_SIZE; i++) {
      const origin = `127.0.0.1:8080/${n}/${i}`;
      const logId = logIdOf(origin);
      const to = 1e6 + 1 + (drawn(origin).readUInt32BE() % 1e6);
      const tree = new DrawnTree(to - n, to, origin);
      const proof = tree.proof();
      proofsHold &&= verifyConsistency({ from: tree.from, fromRoot: tree.fromRoot, to, toRoot: tree.toRoot, proof });
      await chain.call(anchor, { abi: [...checkpointAnchorContract.abi] }, 'open', [origin]);
      await chain.send({ to: anchor, data: anchorCallData({ logId, size: tree.from, root: tree.fromRoot, proof: [] }) });
      const forged = proof.map((node, at) => (at === proof.length - 1 ? drawn('forged') : node));
      tamperedRefused &&= await refuses(chain, anchor, anchorCallData({ logId, size: to, root: tree.toRoot, proof: forged }));
      const transaction = await chain.send({ to: anchor, data: anchorCallData({ logId, size: to, root: tree.toRoot, proof }) });
      samples.push({ n, from: tree.from, nodes: proof.length, transaction });
    }
  }
  return { samples, tamperedRefused, proofsHold };
}

async function refuses(chain: MeasuringChain, to: string, data: string): Promise<boolean> {
  try {
    await chain.rpc.call('eth_call', [{ from: chain.address, to, data }, 'latest'], z.string());
    return false;
  } catch (error) {
    if (error instanceof RpcRefusal) return new Interface(checkpointAnchorContract.abi).parseError(error.data ?? '0x')?.name === 'ProofInvalid';
    throw error;
  }
}

export function median(samples: readonly AnchorSample[]): AnchorSample {
  return samples.toSorted((a, b) => a.transaction.gas - b.transaction.gas)[samples.length >> 1]!;
}

export function dearest(samples: readonly AnchorSample[]): AnchorSample {
  return samples.toSorted((a, b) => b.transaction.gas - a.transaction.gas)[0]!;
}
