import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Outbox } from '../durable/outbox.js';

/** Why a window never becomes an event. */
export type GivenUp = 'expired' | 'no-policy' | 'other-epochs' | 'other-sensor' | 'unsatisfied' | 'too-large';

/** What the agent counts. */
export interface AgentMetrics {
  window(stream: string): void;
  proof(seconds: number): void;
  sent(records: number): void;
  givenUp(why: GivenUp): void;
  sensorStart(): void;
  prover(name: string): void;
}

export function createAgentMetrics(registry: Registry, outbox: () => Outbox | undefined): AgentMetrics {
  const registers = [registry];
  const windows = new Counter({ name: 'attestream_edge_windows_total', help: 'Signed windows taken from the sensor.', labelNames: ['stream'], registers });
  const proofs = new Counter({ name: 'attestream_edge_proofs_total', help: 'Proofs made.', registers });
  const proveSeconds = new Histogram({ name: 'attestream_edge_prove_seconds', help: 'Time to build and prove one event, seconds.', buckets: [0.125, 0.25, 0.5, 1, 2, 4, 8, 16, 32], registers });
  const prover = new Gauge({ name: 'attestream_edge_prover', help: 'Which implementation makes proofs: 1 at its name.', labelNames: ['name'], registers });
  const sent = new Counter({ name: 'attestream_edge_sent_total', help: 'Records that the broker acknowledged.', registers });
  const givenUp = new Counter({ name: 'attestream_edge_given_up_total', help: 'Windows that never become an event.', labelNames: ['reason'], registers });
  const starts = new Counter({ name: 'attestream_edge_sensor_starts_total', help: 'Starts of the sensor process.', registers });
  new Gauge({
    name: 'attestream_edge_outbox_depth', help: 'What waits in the outbox: windows for a proof, records for the broker.', labelNames: ['stage'], registers,
    collect() {
      const depth = outbox()?.depth ?? { windows: 0, records: 0 };
      this.set({ stage: 'windows' }, depth.windows);
      this.set({ stage: 'records' }, depth.records);
    },
  });
  new Gauge({ name: 'attestream_edge_outbox_bytes', help: 'Disk that the outbox takes, bytes.', registers, collect() { this.set(outbox()?.bytes ?? 0); } });
  return {
    window: (stream) => windows.inc({ stream }),
    proof: (seconds) => { proofs.inc(); proveSeconds.observe(seconds); },
    sent: (records) => sent.inc(records),
    givenUp: (reason) => givenUp.inc({ reason }),
    sensorStart: () => starts.inc(),
    prover: (name) => prover.set({ name }, 1),
  };
}
