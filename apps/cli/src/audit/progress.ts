/** Somebody who reads a file wants a line this often at most. */
const LINE_EVERY_MS = 10_000;
const FRAME_EVERY_MS = 100;
const BAR_CELLS = 28;

export interface ProgressOutput { readonly isTTY?: boolean | undefined; readonly columns?: number; write(text: string): unknown }

/** How far long work is: a bar on a terminal, a line now and then elsewhere. Figures come with what is left at the pace so far. */
export class Progress {
  #stage = '';
  #stageStart = 0;
  #shownAt = -Infinity;
  #drawn = false;

  constructor(private readonly output: ProgressOutput = process.stderr, private readonly now: () => number = () => performance.now()) {}

  show(stage: string, done: number, total: number): void {
    const now = this.now();
    if (stage !== this.#stage) {
      this.#stage = stage;
      this.#stageStart = now;
      this.#shownAt = this.output.isTTY ? -Infinity : now; // short work needs no line
    }
    const every = this.output.isTTY ? FRAME_EVERY_MS : LINE_EVERY_MS;
    const finished = done >= total;
    if (now - this.#shownAt < every && !(finished && this.output.isTTY)) return;
    this.#shownAt = now;
    const share = total > 0 ? Math.min(1, done / total) : 1;
    const elapsed = (now - this.#stageStart) / 1000;
    const left = !finished && share > 0 && elapsed > 1 ? `, ${duration((elapsed / share) * (1 - share))} left` : '';
    const figures = `${Math.floor(share * 100)} % of ${total.toLocaleString('en-US')}${left}`;
    if (!this.output.isTTY) {
      this.output.write(`${stage}: ${figures}\n`);
      return;
    }
    const cells = Math.round(share * BAR_CELLS);
    const line = `${stage.padEnd(10)} ${'\u2588'.repeat(cells)}${'\u2591'.repeat(BAR_CELLS - cells)} ${figures}`;
    this.output.write(`\r\u001b[2K${line.slice(0, (this.output.columns ?? 80) - 1)}`);
    this.#drawn = true;
  }

  /** Takes the bar away: what follows is the result. */
  end(): void {
    if (this.#drawn) this.output.write('\r\u001b[2K');
    this.#drawn = false;
  }
}

function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  return whole < 3600 ? `${Math.floor(whole / 60)} min ${whole % 60} s` : `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
