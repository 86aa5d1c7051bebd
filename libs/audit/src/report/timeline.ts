import type { AuditReport, TimelineBucket } from '../audit-report.js';
import { html, Html } from './html.js';
import { count, number, time } from './words.js';

/** Units of the drawing. */
const WIDTH = 960;
const LEFT = 46;
const RIGHT = 12;
const PLOT = { top: 12, height: 150 };
const STRIP = { top: 182, height: 26 };
const ANCHORS_Y = 226;
const AXIS_Y = 250;
/** More marks than these would touch each other. */
const MOST_MARKS = 80;
const MINUTE_MS = 60_000;

/** Events over time: proven and refused stacked, recorded ones below in a scale of their own, and a mark for each anchor. */
export function timelineSvg({ timeline: { bucketMs, buckets }, checkpoints }: AuditReport): Html {
  if (buckets.length === 0) return html`<p class="quiet">No entry in this range.</p>`;
  const from = Math.min(...buckets.map(({ fromMs }) => fromMs));
  const to = Math.max(...buckets.map(({ fromMs }) => fromMs)) + bucketMs;
  const x = (ms: number) => LEFT + ((ms - from) / (to - from)) * (WIDTH - LEFT - RIGHT);
  const most = niceMax(Math.max(1, ...buckets.map(({ verified, refused }) => verified + refused)));
  const mostRecorded = Math.max(1, ...buckets.map(({ recorded }) => recorded));
  const width = Math.max(0.8, x(from + bucketMs) - x(from) - (buckets.length > 200 ? 0 : 1));
  const bars = buckets.map((bucket) => {
    const verified = (bucket.verified / most) * PLOT.height;
    const refused = (bucket.refused / most) * PLOT.height;
    const recorded = (bucket.recorded / mostRecorded) * STRIP.height;
    const bottom = PLOT.top + PLOT.height;
    return html`<g><title>${describe(bucket, bucketMs)}</title>${rect('verified', x(bucket.fromMs), bottom - verified, width, verified)}${rect('refused', x(bucket.fromMs), bottom - verified - refused, width, refused)}${rect('recorded', x(bucket.fromMs), STRIP.top + STRIP.height - recorded, width, recorded)}</g>`;
  });
  const inside = checkpoints.filter(({ block }) => block.timeMs >= from && block.timeMs <= to);
  const step = markEvery(inside.length);
  const marks = inside.filter((_, i) => i % step === 0).map(({ size, block }) => {
    const at = x(block.timeMs);
    return html`<path class="anchor" d="M${f(at)} ${ANCHORS_Y - 5}l5 5l-5 5l-5 -5z"><title>${`${count(size, 'entry', 'entries')} anchored in block ${block.number}, ${time(block.timeMs)}`}</title></path>`;
  });
  const levels = [0, most / 2, most].map((level) => {
    const y = PLOT.top + PLOT.height * (1 - level / most);
    return html`<path class="grid" d="M${LEFT} ${f(y)}H${WIDTH - RIGHT}"/><text class="tick" x="${LEFT - 6}" y="${f(y + 4)}" text-anchor="end">${number(level)}</text>`;
  });
  return html`<svg viewBox="0 0 ${WIDTH} ${AXIS_Y + 8}" role="img" aria-label="Events over time">${levels}${bars}<path class="grid" d="M${LEFT} ${STRIP.top + STRIP.height}H${WIDTH - RIGHT}"/>
<text class="tick" x="${LEFT - 6}" y="${STRIP.top + STRIP.height - 6}" text-anchor="end">${number(mostRecorded)}</text>${marks}${ticks(from, to).map((ms, i, all) => html`<text class="tick" x="${f(x(ms))}" y="${AXIS_Y}" text-anchor="${i === 0 ? 'start' : i === all.length - 1 ? 'end' : 'middle'}">${label(ms, to - from)}</text>`)}</svg>`;
}

/** Each so many of that many checkpoints are drawn. */
export function markEvery(checkpoints: number): number {
  return Math.max(1, Math.ceil(checkpoints / MOST_MARKS));
}

function rect(kind: string, x: number, y: number, width: number, height: number): Html {
  return height === 0 ? html`` : html`<rect class="${kind}" x="${f(x)}" y="${f(y)}" width="${f(width)}" height="${f(Math.max(height, 1))}"/>`;
}

function describe({ fromMs, verified, refused, recorded }: TimelineBucket, bucketMs: number): string {
  return `${time(fromMs)}, ${bucketMs / 1000} s: ${number(verified)} proven, ${number(refused)} refused, ${number(recorded)} recorded`;
}

/** Five times from end to end. */
function ticks(from: number, to: number): number[] {
  return Array.from({ length: 5 }, (_, i) => from + ((to - from) * i) / 4);
}

function label(ms: number, span: number): string {
  const text = new Date(ms).toISOString();
  if (span <= 10 * MINUTE_MS) return text.slice(11, 19);
  return span <= 24 * 60 * MINUTE_MS ? text.slice(11, 16) : text.slice(0, 10);
}

/** A round number at or above; half of it is whole too. */
function niceMax(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return (power === 1 ? [2, 4, 6, 8, 10] : [1, 2, 3, 4, 5, 6, 8, 10]).find((factor) => factor * power >= value)! * power;
}

function f(value: number): string {
  return value.toFixed(1);
}
