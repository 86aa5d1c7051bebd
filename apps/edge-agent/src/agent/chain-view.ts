import { RegistryProjection, type Deployment, type Membership } from '#libs/chain';
import { isAtsError } from '#libs/errors';
import { decodeBlock, type EventOf, type KafkaRecord } from '#libs/events';
import { ParameterSets, type ParameterSet } from '#libs/verdict';

/** What holds at the registry block of a moment: the gate will judge a record that reaches the broker now by it. */
export interface Present {
  block: number;
  /** The parameter set in force and the hash that names it. */
  parameters: ParameterSet;
  parametersHash: string;
  /** The leaf's path and root, when the leaf is live. */
  membership(leaf: bigint): Membership | undefined;
  /** Whether the gate would take this root. */
  takesRoot(root: bigint): boolean;
}

/** The registries as the edge sees them: chain-events, applied to the projection that the gate uses too. */
export class ChainView {
  readonly #projection: RegistryProjection;
  readonly #sets: ParameterSets;

  constructor(deployment: Deployment) {
    this.#projection = new RegistryProjection(deployment);
    this.#sets = new ParameterSets(this.#projection);
  }

  /** Applies a record of chain-events. One that is no block at all is left out, as the gate does. @throws AtsError as the projection does: a wrong or changed chain. */
  apply(record: Pick<KafkaRecord, 'value'>): void {
    let block: EventOf<'chain-events'>;
    try {
      block = decodeBlock(record.value);
    } catch (error) {
      if (isAtsError(error, 'ATS_EVENT_MALFORMED')) return;
      throw error;
    }
    this.#projection.apply(block);
  }

  /** What holds now, or what is missing, in words. */
  at(nowMs: number): Present | { waitingFor: string } {
    const found = this.#projection.registryBlock(nowMs);
    if (found.status === 'waiting') {
      const { head } = this.#projection;
      return { waitingFor: head ? `newer blocks: the last one on chain-events is ${Math.round((nowMs - head.timestampMs) / 1000)} s old` : 'the first block on chain-events' };
    }
    if (found.status === 'none') return { waitingFor: `a block that is ${this.#projection.deployment.registryLagSeconds} s old` };
    const { number: block } = found.block;
    const inForce = this.#sets.at(found.block);
    if (!inForce.set) return { waitingFor: `a usable parameter set: ${inForce.why}` };
    const { set: parameters } = inForce;
    const parametersHash = this.#projection.parametersAt(block)!.hash.toString('hex');
    return {
      block, parameters, parametersHash,
      membership: (leaf) => this.#projection.membership(leaf, block),
      takesRoot: (root) => this.#projection.rootAt(root, block, parameters.revokedRootGraceSeconds) === 'known',
    };
  }
}
