import type { AuditReport } from '../audit-report.js';
import type { ReportContext } from './context.js';

const START = Date.UTC(2026, 10, 27, 20, 0, 0);
const hash = (n: number): string => n.toString(16).padStart(2, '0').repeat(32);

/** An audit that holds, of an hour of three households. */
export function report(change: Partial<AuditReport> = {}): AuditReport {
  const buckets = Array.from({ length: 60 }, (_, i) => ({ fromMs: START + i * 60_000, verified: 12 + ((i * 7) % 9), refused: i % 13 === 5 ? 3 : i % 29 === 0 ? 1 : 0, recorded: 30 }));
  const verified = buckets.reduce((sum, bucket) => sum + bucket.verified, 0);
  return {
    ok: true, outcome: 'holds', origin: '127.0.0.1:17413/31337/0x00000000000000000000000000000000000000f1', range: { from: 0, to: 2800 }, topic: null, predecessor: null, entries: 2800,
    verdicts: { VERIFIED: verified, RECORDED: 1800, PROOF_INVALID: 9, NULLIFIER_SEEN: 6, EPOCH_STALE: 2 }, verdictsByTopic: { telemetry: { VERIFIED: verified }, 'chain-events': { RECORDED: 1800 } },
    recomputed: 2800, proofsVerified: verified, verifier: 'snarkjs', size: 2800, root: hash(0xab), unanchored: 12,
    checkpoints: Array.from({ length: 12 }, (_, i) => ({ size: 232 * (i + 1), root: hash(i + 1), tx: `0x${hash(i + 65)}`, block: { number: 150 * (i + 1), hash: hash(i + 97), timeMs: START + (i + 1) * 298_000 } })),
    pending: { records: 3, entries: 0 }, failures: [], failureCount: 0, failuresByCode: {}, unchecked: [], timeline: { bucketMs: 60_000, buckets },
    devices: ['open-files', 'load', 'disk-used'].flatMap((stream, i) => [1, 2, 3].map((home) => ({
      pseudonym: hash(home * 17), stream, topic: 'telemetry', state: i === 0 && home === 1 ? 'CRITICAL' : i === 1 && home === 2 ? 'WARNING' : 'OK', epoch: 60_000_000, brokerTimeMs: START + 3_590_000, verified: 110 + home,
    }))),
    seconds: 12.3, rssMiBMax: 240, ...change,
  };
}

export function violated(): AuditReport {
  return report({
    ok: false, outcome: 'violated', failureCount: 9, failuresByCode: { VERDICT_WRONG: 8, LOG_TRUNCATED: 1 },
    failures: [
      ...Array.from({ length: 8 }, (_, i) => ({ code: 'VERDICT_WRONG' as const, leaf: 812 + i, topic: 'telemetry', partition: 2, offset: 40 + i, detail: 'logged PROOF_INVALID, the rules give VERIFIED' })),
      { code: 'LOG_TRUNCATED' as const, leaf: null, topic: null, partition: null, offset: null, detail: 'block 1650 anchored 3000 entries, the published log has 2800' },
    ],
  });
}

export const context: ReportContext = {
  startedAt: new Date(START + 3_700_000), machine: { cpu: 'a processor', cores: 2, memMiB: 8000, node: 'v24.0.0' }, commit: 'c0ffee'.repeat(6), dirty: false,
  sources: { records: 'Kafka at 127.0.0.1:17400', log: 'http://127.0.0.1:17413/log/', chain: 'http://127.0.0.1:17404' },
  deployment: {
    chainId: 31_337, operator: '0x00000000000000000000000000000000000000A1', deviceRegistry: '0x00000000000000000000000000000000000000D1', policyRegistry: '0x00000000000000000000000000000000000000E1',
    checkpointAnchor: '0x00000000000000000000000000000000000000F1', firstBlock: 1, registryLagSeconds: 12,
  },
  chainIsOwn: true,
};
