import type { StreamId } from '#libs/edge';

/**
 * A source of readings of one stream. Reading is quick and synchronous: a probe that is fed by events (eBPF, a board) keeps its count
 * itself and hands out what it has.
 */
export interface Probe {
  readonly stream: StreamId;
  /** One reading in the stream's unit (libs/edge STREAMS), before clamping. Throws when the source has gone. */
  read(): number;
}

/** Where probes look: folders, so that a test can put files there, and a clock that no one sets. */
export interface ProbeSources { proc: string; rootFileSystem: string; monotonicSeconds(): number }

/** Makes a probe, or throws when this machine lacks its source: a container or an old kernel has no pressure files. */
export type OpenProbe = (sources: ProbeSources) => Probe;
