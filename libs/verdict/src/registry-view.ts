import { isAtsError } from '#libs/errors';
import { TOPICS } from '#libs/events';
import { parseParameterSet, STATEMENT_TOPICS, type ParameterSet } from './parameter-set.js';

/** The block whose contract state a record is judged by. */
export interface RegistryBlock {
  readonly number: number;
  readonly hash: Buffer;
  readonly timestampMs: number;
}

/** What a verdict reads of the contracts. Answers for a block never change once the view has passed it. */
export interface RegistryView {
  /** The document published last at or before the block, undefined when there was none. */
  parametersAt(blockNumber: number): { version: number; document: Buffer } | undefined;
  rootAt(root: bigint, blockNumber: number, graceSeconds: number): 'known' | 'unknown' | 'revoked';
}

/** The parameter set in force. Without a `set` nothing can be verified; `why` says what is wrong. */
export type Parameters = { readonly version: number; readonly set: ParameterSet } | { readonly version: number; readonly set: null; readonly why: string };

const NONE: Parameters = { version: 0, set: null, why: 'no parameter set was published before the registry block' };

/** Parameter sets by block, each version parsed once. */
export class ParameterSets {
  readonly #byVersion = new Map<number, Parameters>();

  constructor(private readonly registry: RegistryView) {}

  /** The set in force at a block; at no block there is none. */
  at(block: RegistryBlock | null): Parameters {
    const published = block === null ? undefined : this.registry.parametersAt(block.number);
    if (published === undefined) return NONE;
    let parameters = this.#byVersion.get(published.version);
    if (parameters === undefined) {
      parameters = read(published.version, published.document);
      this.#byVersion.set(published.version, parameters);
    }
    return parameters;
  }
}

/** An unusable document is in force as well: it verifies nothing until a better one replaces it. */
function read(version: number, document: Buffer): Parameters {
  try {
    const set = parseParameterSet(document);
    if (set.version !== version) return { version, set: null, why: `the document published as version ${version} calls itself version ${set.version}` };
    // Counted otherwise, one household's records could be verified in two partitions, each with a memory of its own.
    const other = STATEMENT_TOPICS.find((topic) => set.partitions[topic] !== TOPICS[topic].partitions);
    if (other !== undefined) return { version, set: null, why: `it gives ${other} ${set.partitions[other]} partitions, the topic has ${TOPICS[other].partitions}` };
    return { version, set };
  } catch (error) {
    if (!isAtsError(error, 'ATS_PARAMETERS_INVALID')) throw error;
    return { version, set: null, why: error.why };
  }
}
