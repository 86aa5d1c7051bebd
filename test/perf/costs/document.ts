import type { Input } from './inputs.js';
import { batchSizes, dearest, median, schemes, type AnchorSample, type Scheme } from './measure.js';
import type { Chain, CostRow } from './rows.js';

const WHAT: Record<Scheme, string> = {
  'transaction-per-message': "a message's verdict in a slot of its own, by its hash, and an event",
  'eas-attest': "what EAS's `attest()` checks, stores and reports, in a contract of ours that writes and reads the same slots (not EAS's code); 32 bytes of data",
  'root-as-event': 'the root of N messages as an event; nothing in storage, nothing checked',
  'root-in-storage': 'the root of N messages in a new slot; nothing checked',
  'checkpoint-anchor': '`CheckpointAnchor`: the root of N more entries, with the proof that the log has only grown',
};

/** docs/costs.md, from one run. */
export function costsDocument({ inputs, rows, samples }: { inputs: readonly Input[]; rows: readonly CostRow[]; samples: readonly AnchorSample[] }): string {
  const row = (scheme: Scheme, chain: Chain, n: number): CostRow => rows.find((each) => each.scheme === scheme && each.chain === chain && each.n === n)!;
  const table = (head: readonly string[], lines: readonly (readonly string[])[]): string[] =>
    [head, head.map((_, i) => (i === 0 ? '---' : '---:')), ...lines].map((cells) => `| ${cells.join(' | ')} |`);
  const byN = (chain: Chain, show: (row: CostRow) => string): string[] =>
    table(['scheme', ...batchSizes.map((n) => `N = ${n.toLocaleString('en')}`)], schemes.map((scheme) => [scheme, ...batchSizes.map((n) => show(row(scheme, chain, n)))]));
  return [
    '# What an event costs on chain',
    '',
    'Written by `make costs`: the gas is that of whole transactions, sent to a node in that run; money and seconds are reckoned from it by the inputs below. `.attestream/costs.json` has every row with its transaction.',
    '',
    '![Gas and money an event over the batch size](costs.svg)',
    '',
    ...table(['scheme', 'what a transaction does'], schemes.map((scheme) => [scheme, WHAT[scheme]])).map((line, i) => (i === 1 ? '| --- | --- |' : line)),
    '',
    '## Gas an event',
    '',
    'The same on both chains.',
    '',
    ...byN('L1', ({ gasPerEvent }) => shown(gasPerEvent)),
    '',
    '`checkpoint-anchor` is the median of several logs that grow by N to between one and two million entries; how many hashes a proof takes depends on the sizes:',
    '',
    ...table(['N', 'nodes', 'gas, least', 'median', 'most', 'an event, at most'], batchSizes.map((n) => {
      const these = samples.filter((sample) => sample.n === n);
      const gas = these.map(({ transaction }) => transaction.gas);
      const nodes = these.map(({ nodes: count }) => count);
      return [n.toLocaleString('en'), `${Math.min(...nodes)} to ${Math.max(...nodes)}`, Math.min(...gas).toLocaleString('en'), median(these).transaction.gas.toLocaleString('en'), dearest(these).transaction.gas.toLocaleString('en'), shown(dearest(these).transaction.gas / n)];
    })),
    '',
    'A larger log pays for its proof: about 900 gas more for each doubling. The floor of EIP-7623 (40 gas a byte of call data that is not zero) lies below these figures.',
    '',
    '## Money an event, USD',
    '',
    'L1:',
    '',
    ...byN('L1', ({ usdPerEvent }) => shown(usdPerEvent)),
    '',
    'L2 (OP Stack): execution, L1 data fee by the formula of Fjord over the very bytes of the transaction, operator fee of Isthmus:',
    '',
    ...byN('L2', ({ usdPerEvent }) => shown(usdPerEvent)),
    '',
    '## Latency',
    '',
    'Seconds until the first event of a batch is final on L1: the batch fills, the transaction is included, its block is final. Who anchors by age as well waits no longer than that age for the batch.',
    '',
    ...table(['', ...batchSizes.map((n) => `N = ${n.toLocaleString('en')}`)], [
      ['one transaction a message, L1', ...batchSizes.map((n) => seconds(row('transaction-per-message', 'L1', n)))],
      ['a batch, L1', ...batchSizes.map((n) => seconds(row('checkpoint-anchor', 'L1', n)))],
      ['one transaction a message, L2', ...batchSizes.map((n) => seconds(row('transaction-per-message', 'L2', n)))],
      ['a batch, L2', ...batchSizes.map((n) => seconds(row('checkpoint-anchor', 'L2', n)))],
    ]),
    '',
    '## Inputs',
    '',
    '| input | value | unit | source | date |',
    '| --- | ---: | --- | --- | --- |',
    ...inputs.map(({ name, value, unit, source, date }) => `| ${name} | ${value} | ${unit} | ${source} | ${date} |`),
    '',
  ].join('\n');
}

function shown(value: number): string {
  return value >= 1000 ? Math.round(value).toLocaleString('en') : value >= 0.001 ? String(Number(value.toPrecision(3))) : value.toExponential(2);
}

function seconds({ latencySeconds }: CostRow): string {
  return latencySeconds.toLocaleString('en');
}
