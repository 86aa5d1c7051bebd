import type { TreeHead } from '#libs/log';

/** The log, as far as anchoring goes. */
export interface CheckpointSource {
  /** The newest head that is signed and published; undefined before the first. */
  latest(): Promise<TreeHead | undefined>;
  /** RFC 6962 proof that the tree of `to` entries extends the one of `from`. */
  consistencyProof(from: number, to: number): Promise<Buffer[]>;
}
