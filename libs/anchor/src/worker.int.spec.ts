import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { anchoredHead } from '#libs/chain';
import { GrowingLog } from '../test/growing-log.js';
import { startManualChain, type ManualChain } from '../test/manual-chain.js';
import { AnchorWorker, keyFileSigner, type AnchorEvent, type AnchorOptions } from './index.js';

let chain: ManualChain;
let dir: string;
beforeAll(async () => { chain = await startManualChain(); }, 60_000);
afterAll(async () => { await chain?.stop(); }, 30_000);
beforeEach(() => { dir = mkdtempSync(join(tmpdir(), 'attestream-anchor-')); });
afterEach(() => { rmSync(dir, { recursive: true }); });

it('a checkpoint goes from planned to final', async () => {
  const source = new GrowingLog(5);
  const events: AnchorEvent[] = [];
  writeFileSync(join(dir, 'key'), chain.key, { mode: 0o600 });
  const options: AnchorOptions = {
    journalFile: join(dir, 'journal'), endpoints: [chain.url], chainId: chain.deployment.chainId, contract: chain.deployment.checkpointAnchor, logId: chain.logId,
    signer: keyFileSigner(join(dir, 'key')), source, policy: { minEntries: 1, maxAgeSeconds: 60, maxFeeGwei: 100, maxCostWei: 10n ** 17n }, pollMs: 20, onEvent: (event) => events.push(event),
  };
  const worker = new AnchorWorker(options);
  const stop = new AbortController();
  const run = worker.run(stop.signal);
  for (let i = 0; i < 300 && !worker.status().anchored?.finalized; i++) { await chain.mine(); await delay(30); if (i % 50 === 49) console.log(worker.status(), events); }
  console.log(worker.status(), events.map((e) => e.type));
  expect(await anchoredHead({ rpcUrl: chain.url, deployment: chain.deployment, logId: chain.logId })).toEqual(source.head(5));
  stop.abort();
  await run;
}, 60_000);
