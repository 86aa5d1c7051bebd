import type { AtsError } from '#libs/errors';
import type { Observation } from './decide.js';

/** What the worker needs of a chain. Everything it answers is what a quorum of endpoints says. */
export interface Chain {
  /** @throws AtsError the endpoints' own code when they share one, else ATS_ANCHOR_NO_QUORUM */
  observe(question: ChainQuestion): Promise<ChainView>;
  /** Gas that the call needs on the newest block. @throws AtsError ATS_ANCHOR_REFUSED when the contract refuses it; as observe */
  estimate(data: string): Promise<bigint>;
  /** Of the account, in wei, on the newest block. @throws AtsError as observe */
  balance(): Promise<bigint>;
  /** What an OP-stack chain charges for publishing this unsigned transaction, in wei; 0 elsewhere. @throws AtsError as observe */
  l1Fee(unsigned: string): Promise<bigint>;
  /**
   * To every endpoint. True: one has it now, or had it. False: each refused it for its nonce or its price, which time decides.
   * @throws AtsError ATS_ANCHOR_BALANCE, ATS_CHAIN_RPC_REFUSED, or as observe: nobody is known to have it.
   */
  send(raw: string): Promise<boolean>;
}

/** `attempts`: hashes to look for, the newest last. `seenAt`: height of the block that one was seen in. */
export interface ChainQuestion { readonly attempts: readonly string[]; readonly seenAt: number | undefined }

/** `problem`: why there has been no finalized block to agree on for a while. */
export type ChainView = Omit<Observation, 'nowMs' | 'log'> & { problem?: AtsError };
