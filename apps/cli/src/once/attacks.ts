import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { FinalizedChain, RegistryProjection, type Membership } from '#libs/chain';
import { buildTelemetryEvent, loadSensor, proofOf, windowDigest, withProof, type SignedWindow, type TelemetryEvent } from '#libs/edge';
import { fieldFromText, fieldToBytes, type OutgoingRecord } from '#libs/events';
import { chooseEngine, commitmentOf, deploymentScope, KIND, leafHash, nullifierOf, sensorPublicKey, signDigest, WINDOW_READINGS, type Prover } from '#libs/proofs';
import { EventProducer, type SentRecord } from '#libs/stream';
import type { Verdict } from '#libs/verdict';
import { ATTACKER } from '../layout.js';
import type { Stack } from '../setup/bring-up.js';
import { random } from './random.js';

/** A message that must be refused, and why. */
export interface Attack {
  readonly kind: 'proof of another message' | 'changed state' | 'byte-for-byte replay' | 'stale epoch';
  readonly expected: Verdict;
  readonly at: SentRecord;
}

export interface Attacks {
  readonly attacks: readonly Attack[];
  /** The genuine message among them: it must be verified, or the refusals would say nothing. */
  readonly genuine: SentRecord;
}

const BLOCKS_AT_ONCE = 500;

/**
 * Sends four attacks and the genuine message that three of them are made from, all from a household that is registered like the others.
 * Everything is really proven; only the messages are tampered with.
 */
export async function attack(stack: Stack, seed: number, signal: AbortSignal): Promise<Attacks> {
  const prover = chooseEngine('auto').createProver({ threads: 1 });
  const producer = new EventProducer(stack.kafka);
  try {
    const membership = await membershipOfNow(stack, signal);
    const { epochSeconds, acceptSeconds } = stack.parameters.statements[0]!;
    const epoch = Math.floor(Date.now() / 1_000 / epochSeconds) - 1;
    const [first, second, third] = stack.parameters.policies;
    const genuine = await prove(stack, prover, membership, windowOf(stack, first!.stream, epoch, seed));
    const stale = await prove(stack, prover, membership, windowOf(stack, second!.stream, epoch - Math.ceil((2 * acceptSeconds) / epochSeconds), seed + 1));
    // Its own nullifier and commitment, as an honest message of another stream would have; only the proof is the genuine message's.
    const other = anotherMessage(stack, genuine, third!.stream, epoch);
    const changed = { ...genuine.record, value: stack.codec.encode('telemetry', { ...genuine.event, state: 'CRITICAL' }) };
    // The changed one goes first: after the genuine one it would be refused for its nullifier already.
    const [otherAt, changedAt, genuineAt, replayAt, staleAt] = await producer.send([other, changed, genuine.record, { ...genuine.record }, stale.record]);
    return {
      genuine: genuineAt!,
      attacks: [
        { kind: 'proof of another message', expected: 'PROOF_INVALID', at: otherAt! },
        { kind: 'changed state', expected: 'PROOF_INVALID', at: changedAt! },
        { kind: 'byte-for-byte replay', expected: 'NULLIFIER_SEEN', at: replayAt! },
        { kind: 'stale epoch', expected: 'EPOCH_STALE', at: staleAt! },
      ],
    };
  } finally {
    await Promise.all([producer.close(), prover.close()]);
  }
}

function prove({ attacker, deployment, parameters, codec }: Stack, prover: Prover, membership: Membership, window: SignedWindow): Promise<TelemetryEvent> {
  return buildTelemetryEvent({
    secret: attacker.secret,
    scope: deploymentScope(deployment),
    window,
    membership,
    policy: parameters.policies.find(({ stream }) => stream === window.stream)!,
    sealingPublicKey: attacker.sealingPublicKey,
    codec,
    prover,
  });
}

/** A window of unremarkable readings, signed with the attacker's own sensor key. */
function windowOf({ layout, parameters }: Stack, stream: string, epoch: number, seed: number): SignedWindow {
  const { key } = loadSensor(layout.household(ATTACKER).sensor);
  const draw = random(seed);
  const { epochSeconds } = parameters.statements[0]!;
  const window = { stream, epoch, epochSeconds, readings: Array.from({ length: WINDOW_READINGS }, () => Math.floor(draw() * 100)) };
  return { ...window, publicKey: sensorPublicKey(key), signature: signDigest(key, windowDigest(window)) };
}

function anotherMessage({ attacker, deployment, codec }: Stack, { event, record }: TelemetryEvent, stream: string, epoch: number): OutgoingRecord {
  const nullifier = nullifierOf({ secret: attacker.secret, scope: deploymentScope(deployment), kind: KIND.telemetry, stream: fieldFromText(stream), epoch: BigInt(epoch) });
  const commitment = commitmentOf(BigInt(`0x${randomBytes(31).toString('hex')}`), BigInt(`0x${randomBytes(31).toString('hex')}`));
  const value = codec.encode('telemetry', { ...event, stream, nullifier: fieldToBytes(nullifier), commitment: fieldToBytes(commitment) });
  return { ...record, value: withProof(value, proofOf(record.value)) };
}

/** The attacker's path under the root that the gate will know: at the registry block of now, which trails the chain's head by D. */
async function membershipOfNow({ deployment, attacker, layout }: Stack, signal: AbortSignal): Promise<Membership> {
  const chain = new FinalizedChain(`http://127.0.0.1:${layout.ports.chain}`, deployment);
  const projection = new RegistryProjection(deployment);
  const leaf = leafHash(attacker.leaf);
  for (;;) {
    signal.throwIfAborted();
    const { number: head } = await chain.head();
    for (let from = (projection.head?.number ?? deployment.firstBlock - 1) + 1; from <= head; from += BLOCKS_AT_ONCE) {
      for (const block of await chain.read(from, Math.min(head, from + BLOCKS_AT_ONCE - 1))) projection.apply(block);
    }
    const found = projection.registryBlock(Date.now());
    const membership = found.status === 'found' ? projection.membership(leaf, found.block.number) : undefined;
    if (membership) return membership;
    await delay(500, undefined, { signal });
  }
}
