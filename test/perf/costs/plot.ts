import { batchSizes, schemes, type Scheme } from './measure.js';
import type { Chain, CostRow } from './rows.js';

const PANEL = { width: 430, height: 300, left: 74, top: 56, gap: 96 };
const WIDTH = PANEL.left + 2 * PANEL.width + PANEL.gap + 24;
const HEIGHT = PANEL.top + PANEL.height + 100;
const DASHES: Record<Chain, string> = { L1: '', L2: '6 4' };

interface Panel { title: string; offset: number; low: number; high: number; label: (exponent: number) => string; lines: { scheme: Scheme; chain: Chain; values: readonly number[] }[] }

/** Gas and money an event over the batch size, both on logarithmic scales. One file, readable on light and on dark. */
export function plot(rows: readonly CostRow[]): string {
  const values = (scheme: Scheme, chain: Chain, key: 'gasPerEvent' | 'usdPerEvent'): number[] =>
    batchSizes.map((n) => rows.find((row) => row.scheme === scheme && row.chain === chain && row.n === n)![key]);
  const panels: Panel[] = [
    {
      title: 'gas an event', offset: PANEL.left, label: power, ...decades(rows.map(({ gasPerEvent }) => gasPerEvent)),
      lines: schemes.map((scheme) => ({ scheme, chain: 'L1', values: values(scheme, 'L1', 'gasPerEvent') })),
    },
    {
      title: 'USD an event (L1 whole, L2 dashed)', offset: PANEL.left + PANEL.width + PANEL.gap, label: (exponent) => `$${power(exponent)}`, ...decades(rows.map(({ usdPerEvent }) => usdPerEvent)),
      lines: schemes.flatMap((scheme) => (['L1', 'L2'] as const).map((chain) => ({ scheme, chain, values: values(scheme, chain, 'usdPerEvent') }))),
    },
  ];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-label="Gas and money an event over the number of events in a batch">`,
    '<style>',
    'svg { color-scheme: light dark; font: 13px system-ui, sans-serif; --ink: #1f2328; --grid: #d0d7de; --paper: #ffffff; --c0: #cf222e; --c1: #9a6700; --c2: #0969da; --c3: #8250df; --c4: #1a7f37 }',
    '@media (prefers-color-scheme: dark) { svg { --ink: #e6edf3; --grid: #3d444d; --paper: #0d1117; --c0: #ff7b72; --c1: #e3b341; --c2: #79c0ff; --c3: #d2a8ff; --c4: #56d364 } }',
    'text { fill: var(--ink) } .grid { stroke: var(--grid) } .paper { fill: var(--paper) } .line { fill: none; stroke-width: 2 } .title { font-weight: 600 }',
    ...schemes.map((_, i) => `.s${i} { stroke: var(--c${i}) } .f${i} { fill: var(--c${i}) }`),
    '</style>',
    `<rect class="paper" width="${WIDTH}" height="${HEIGHT}"/>`,
    ...panels.flatMap(drawPanel),
    ...schemes.map((scheme, i) => {
      // a letter is about 7 wide
      const x = PANEL.left + schemes.slice(0, i).reduce((sum, { length }) => sum + 56 + 7 * length, 0);
      return `<rect class="f${i}" x="${x}" y="${HEIGHT - 30}" width="14" height="4"/><text x="${x + 20}" y="${HEIGHT - 23}">${scheme}</text>`;
    }),
    '</svg>',
    '',
  ].join('\n');
}

function drawPanel({ title, offset, low, high, label, lines }: Panel): string[] {
  const x = (i: number): number => offset + (i / (batchSizes.length - 1)) * PANEL.width;
  const y = (exponent: number): number => round(PANEL.top + ((high - exponent) / (high - low)) * PANEL.height);
  const exponents = Array.from({ length: high - low + 1 }, (_, i) => low + i);
  return [
    `<text class="title" x="${offset}" y="${PANEL.top - 24}">${title}</text>`,
    ...exponents.flatMap((exponent) => [
      `<line class="grid" x1="${offset}" x2="${offset + PANEL.width}" y1="${y(exponent)}" y2="${y(exponent)}"/>`,
      `<text x="${offset - 8}" y="${y(exponent) + 4}" text-anchor="end">${label(exponent)}</text>`,
    ]),
    ...batchSizes.map((n, i) => `<text x="${x(i)}" y="${PANEL.top + PANEL.height + 22}" text-anchor="middle">${power(Math.log10(n))}</text>`),
    `<text x="${offset + PANEL.width / 2}" y="${PANEL.top + PANEL.height + 44}" text-anchor="middle">events in a batch (N)</text>`,
    ...lines.map(({ scheme, chain, values }) => {
      const points = values.map((value, i) => `${x(i)},${y(Math.log10(value))}`).join(' ');
      return `<polyline class="line s${schemes.indexOf(scheme)}" points="${points}"${DASHES[chain] && ` stroke-dasharray="${DASHES[chain]}"`}><title>${scheme} on ${chain}</title></polyline>`;
    }),
  ];
}

/** The whole decades around the values. */
function decades(values: readonly number[]): { low: number; high: number } {
  return { low: Math.floor(Math.log10(Math.min(...values))), high: Math.ceil(Math.log10(Math.max(...values))) };
}

function power(exponent: number): string {
  return `10${String(exponent).replaceAll(/./g, (char) => (char === '-' ? '⁻' : '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(char)]!))}`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
