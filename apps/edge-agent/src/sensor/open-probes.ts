import type { Probe, ProbeSources } from './probe.js';
import { PROC_PROBES } from './proc-probes.js';

/** The probes that this machine can feed. A stream whose source is absent is named in one line and left out. */
export function openProbes(sources: ProbeSources, say: (line: string) => void): Map<string, Probe> {
  const probes = new Map<string, Probe>();
  for (const [stream, open] of Object.entries(PROC_PROBES)) {
    try {
      probes.set(stream, open(sources));
    } catch (error) {
      say(`no stream ${stream} on this machine: ${(error as Error).message}`);
    }
  }
  return probes;
}
