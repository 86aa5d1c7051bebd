import { setTimeout as delay } from 'node:timers/promises';
import { AtsError, isAtsError } from '#libs/errors';
import { formatCheckpoint, leafHash, signNote, type LogStore, type NoteSigner } from '#libs/log';
import type { AuditTopic } from './audit-topic.js';
import type { Recorder, RecordedHead } from './recorder.js';

/** What witnesses have made of a checkpoint. */
export interface Cosigned {
  /** The note with the cosignatures that came. */
  readonly note: Buffer;
  /** Does the policy take it for witnessed? */
  readonly quorum: boolean;
  /** For a person: who has not cosigned, and why. */
  readonly missing: readonly string[];
}

export interface Cosigner {
  cosign(note: Buffer, head: RecordedHead, signal: AbortSignal): Promise<Cosigned>;
}

export interface PublisherParameters {
  store: Pick<LogStore, 'origin' | 'publish'>;
  /** Size of the checkpoint that is published already, 0 without one. */
  publishedSize: number;
  recorder: Pick<Recorder, 'head'>;
  topic: Pick<AuditTopic, 'valueAt'>;
  signer: NoteSigner;
  cosigner?: Cosigner | undefined;
  /** Publish nothing that lacks the quorum. */
  quorumRequired: boolean;
  /** A checkpoint at most this often. */
  everyMs: number;
  persist<T>(write: () => Promise<T>, signal: AbortSignal): Promise<T>;
  /** After each checkpoint, also one that was held back for want of a quorum. */
  onCosigned(cosigned: Cosigned): void;
  onPublished(head: RecordedHead, seconds: number): void;
}

/**
 * Signs the log's head and publishes it. A head is signed only once it is durable and after the topic has shown its newest record again: a broker
 * that lost its tail meanwhile, or another one in its place, gets no signature.
 */
export class Publisher {
  #published: number;

  constructor(private readonly parameters: PublisherParameters) {
    this.#published = parameters.publishedSize;
  }

  /** Publishes until the signal is aborted. @throws AtsError ATS_LOG_DIVERGED, ATS_LOG_FORKED; after either nothing may be signed */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const { head } = this.parameters.recorder;
      if (head && head.size > this.#published) await this.#publish(head, signal);
      await delay(this.parameters.everyMs, undefined, { signal }).catch(() => undefined); // only an abort ends the wait early
    }
  }

  async #publish(head: RecordedHead, signal: AbortSignal): Promise<void> {
    const { store, signer, cosigner, quorumRequired, persist, onCosigned, onPublished } = this.parameters;
    const begin = performance.now();
    if (!(await this.#confirmed(head)) || signal.aborted) return;
    let note = signNote(formatCheckpoint({ origin: store.origin, size: head.size, root: head.root }), [signer]);
    if (cosigner) {
      const cosigned = await cosigner.cosign(note, head, signal);
      onCosigned(cosigned);
      if (signal.aborted || (quorumRequired && !cosigned.quorum)) return;
      note = cosigned.note;
    }
    await persist(() => store.publish(note), signal);
    this.#published = head.size;
    onPublished(head, (performance.now() - begin) / 1_000);
  }

  /** Is the newest record under this head still in the topic? A broker that does not answer is asked again before the next signature. */
  async #confirmed({ newest }: RecordedHead): Promise<boolean> {
    if (!newest) return true; // the log holds nothing of the topic
    try {
      const value = await this.parameters.topic.valueAt(newest.offset);
      if (value && leafHash(value).equals(newest.leafHash)) return true;
      throw new AtsError('ATS_LOG_DIVERGED', `audit-log has ${value ? 'another record' : 'no record'} at offset ${newest.offset}, which the log holds`);
    } catch (error) {
      if (isAtsError(error, 'ATS_BROKER_UNREACHABLE')) return false;
      throw error;
    }
  }
}
