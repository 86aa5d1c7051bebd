import { logIdOf } from '#libs/chain';
import { isAtsError } from '#libs/errors';
import { parseCheckpoint, parseNote, type Checkpoint } from '#libs/log';
import type { Failure } from './audit-report.js';
import type { OwnChain } from './own-chain.js';

/**
 * Entry 0 of a log that succeeds another one: the other's last good checkpoint, in the bytes of its note. Whose signature it carries is the other log's
 * audit to check; here it has to be the checkpoint of the log that the chain names, and not one of before what the chain has of it.
 * @returns the predecessor's checkpoint, and what is wrong with it; undefined when the log begins by itself
 */
export function predecessorIn(entry: Buffer, chain: OwnChain | undefined): { checkpoint: Checkpoint | undefined; failure: Failure | undefined } | undefined {
  const checkpoint = checkpointOrNothing(entry);
  if (chain?.hasDigests !== true) return checkpoint && { checkpoint, failure: undefined };
  const { predecessor } = chain;
  if (predecessor === undefined) return undefined;
  const wrong = checkpoint === undefined ? 'it is no checkpoint'
    : !logIdOf(checkpoint.origin).equals(predecessor.logId) ? `it is of ${JSON.stringify(checkpoint.origin)}`
    : checkpoint.size < predecessor.size ? `it has ${checkpoint.size} entries, ${predecessor.size} were anchored`
    : checkpoint.size === predecessor.size && !checkpoint.root.equals(predecessor.root) ? 'its root is another one than the anchored'
    : undefined;
  return { checkpoint, failure: wrong === undefined ? undefined : { code: 'PREDECESSOR_WRONG', leaf: 0, topic: null, partition: null, offset: null, detail: wrong } };
}

function checkpointOrNothing(entry: Buffer): Checkpoint | undefined {
  try {
    return parseCheckpoint(parseNote(entry).text);
  } catch (error) {
    if (isAtsError(error)) return undefined;
    throw error;
  }
}
