/**
 * What an event costs on chain: sends each scheme's transactions to a node of its own, reckons money and latency from them, and writes docs/costs.md,
 * docs/costs.svg and costs.json into ATTESTREAM_HOME, the last also when it fails.
 * Run: make costs
 */
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { repositoryRoot } from '#libs/stack';
import { reportHeader, type Check } from '../../../apps/cli/src/once/report.js';
import { writeJson } from '../../../apps/cli/src/write-json.js';
import { MeasuringChain } from './chain.js';
import { costsDocument } from './document.js';
import { inputs as named } from './inputs.js';
import { dearest, measure, median } from './measure.js';
import { plot } from './plot.js';
import { costRows, type CostRow } from './rows.js';

/** Gas an event at a million entries an anchor. */
const WANTED_GAS = 0.06;

const startedAt = new Date();
const home = resolve(process.env['ATTESTREAM_HOME'] ?? '.attestream');
const inputs = Object.values(named);
const checks: Check[] = [];
const check = (id: string, ok: boolean, want: string, got: string): void => void checks.push({ id, ok, want, got });
let rows: CostRow[] = [];

try {
  const chain = await MeasuringChain.start();
  try {
    const { rows: measured, samples, proofsHold, tamperedRefused } = await measure(chain);
    rows = measured.flatMap(costRows);
    const million = samples.filter(({ n }) => n === 1e6);
    check('proofs-hold', proofsHold, 'libs/log accepts each proof', String(proofsHold));
    check('tampered-refused', tamperedRefused, 'the contract refuses each proof with a node changed', String(tamperedRefused));
    check('anchor-gas', median(million).transaction.gas / 1e6 <= WANTED_GAS, `<= ${WANTED_GAS} gas an event at N = 1e6`, `${median(million).transaction.gas / 1e6}`);
    check('anchor-gas-dearest', dearest(million).transaction.gas / 1e6 <= WANTED_GAS, `<= ${WANTED_GAS}, the dearest of ${million.length} logs`, `${dearest(million).transaction.gas / 1e6}`);
    writeFileSync(join(repositoryRoot, 'docs/costs.svg'), plot(rows));
    writeFileSync(join(repositoryRoot, 'docs/costs.md'), costsDocument({ inputs, rows, samples }));
  } finally {
    await chain.stop();
  }
} catch (error) {
  check('finished', false, 'the whole run', error instanceof Error ? error.message : String(error));
}
const header = reportHeader('attestream/costs/1', startedAt, checks);
writeJson(join(home, 'costs.json'), { ...header, inputs, rows });
console.table(rows.filter(({ n }) => n === 1e6).map(({ scheme, chain, gasPerEvent, usdPerEvent, latencySeconds }) => ({ scheme, chain, 'gas an event': gasPerEvent, 'USD an event': usdPerEvent, 'final after s': latencySeconds })));
for (const { id, ok, want, got } of checks) process.stdout.write(`${ok ? 'ok    ' : 'FAILED'} ${id}: ${got} (wanted ${want})\n`);
process.stdout.write(`${header.seconds} s; docs/costs.md, docs/costs.svg, ${join(home, 'costs.json')}\n`);
process.exitCode = header.ok ? 0 : 1;
