import { AtsError } from '#libs/errors';
import { signWindow, windowFromJson, windowToJson, type SignedWindow } from '#libs/edge';
import { sensorPublicKey, type SensorPublicKey } from '#libs/proofs';
import { AppendFile, replaceFile } from '../durable/append-file.js';
import { EpochRanges, type EpochRange } from '../durable/epoch-ranges.js';
import { Serial } from '../durable/serial.js';

/**
 * windows: kept a stream, the newest; the ones the agent has not taken yet, and those whose signature can still be given again.
 * growthBytes: the journal is written anew when it has grown by this much since it last was.
 */
const LIMITS = { windows: 256, growthBytes: 4 << 20 };

type Entry =
  | { type: 'window'; window: Record<string, unknown> }
  | { type: 'taken'; stream: string; epoch: number }
  | { type: 'signed'; ranges: Record<string, EpochRange[]> }
  | { type: 'floor'; epoch: number };

/**
 * The sensor's memory: one signed window a stream and epoch, for ever. A signature leaves only after its window is on disk, so that no
 * crash makes the sensor sign another one. When the memory itself is damaged, every epoch up to the present one counts as signed.
 */
export class SigningJournal {
  readonly #signed = new Map<string, EpochRanges>();
  readonly #kept = new Map<string, SignedWindow>();   // in order of signing
  readonly #untaken = new Set<string>();
  readonly #serial = new Serial();
  #floor = -1;
  #replaced = false;
  #compactAt: number;
  #publicKey: SensorPublicKey | undefined;

  private constructor(private readonly key: Buffer, private readonly epochSeconds: number, private file: AppendFile, private readonly limits: typeof LIMITS) {
    this.#compactAt = file.bytes + limits.growthBytes;
  }

  /**
   * @param currentEpoch the epoch that now belongs to: up to it everything counts as signed when bytes of the journal are lost.
   * @param onLoss told how many stretches of bytes are lost.
   */
  static async open({ path, key, epochSeconds, currentEpoch, onLoss, limits = LIMITS }:
  { path: string; key: Buffer; epochSeconds: number; currentEpoch: number; onLoss(stretches: number): void; limits?: typeof LIMITS }): Promise<SigningJournal> {
    const { file, payloads } = await AppendFile.open(path, async (damage) => {
      onLoss(damage.length);
      return [encode({ type: 'floor', epoch: currentEpoch })];
    });
    const journal = new SigningJournal(key, epochSeconds, file, limits);
    for (const payload of payloads) journal.#apply(JSON.parse(payload.toString('utf8')) as Entry);
    return journal;
  }

  /**
   * Signs a window, or gives again the signature it gave for the same one.
   * @throws AtsError ATS_SENSOR_ALREADY_SIGNED for other readings of a signed stream and epoch.
   */
  sign({ stream, epoch, readings }: Pick<SignedWindow, 'stream' | 'epoch' | 'readings'>): Promise<SignedWindow> {
    return this.#serial.run(async () => {
      const kept = this.#kept.get(nameOf(stream, epoch));
      if (kept && kept.readings.every((value, i) => value === readings[i]) && kept.readings.length === readings.length) return kept;
      if (kept || epoch <= this.#floor || this.#signed.get(stream)?.has(epoch)) {
        throw new AtsError('ATS_SENSOR_ALREADY_SIGNED', `stream ${stream}, epoch ${epoch}`);
      }
      // derived when first needed: it takes longer than reading a journal
      this.#publicKey ??= sensorPublicKey(this.key);
      const window = signWindow(this.key, { stream, epoch, epochSeconds: this.epochSeconds, readings }, this.#publicKey);
      await this.#append({ type: 'window', window: windowToJson(window) });
      return window;
    });
  }

  /** The oldest window that nobody has taken. */
  oldestUntaken(): SignedWindow | undefined {
    const [name] = this.#untaken;
    return name === undefined ? undefined : this.#kept.get(name);
  }

  /** The agent has the window on its own disk. */
  taken(stream: string, epoch: number): Promise<void> {
    return this.#serial.run(async () => {
      if (this.#untaken.has(nameOf(stream, epoch))) await this.#append({ type: 'taken', stream, epoch });
    });
  }

  /** True when it can sign nothing more: the process has to begin again with what is on disk. */
  get failed(): boolean { return this.#replaced || this.file.failed; }

  close(): Promise<void> {
    return this.#serial.run(() => this.file.close());
  }

  async #append(entry: Entry): Promise<void> {
    await this.file.append(encode(entry));
    this.#apply(entry);
    if (this.file.bytes > this.#compactAt) await this.#compact();
  }

  #apply(entry: Entry): void {
    switch (entry.type) {
      case 'window': return this.#remember(windowFromJson(entry.window));
      case 'taken': this.#untaken.delete(nameOf(entry.stream, entry.epoch)); return;
      case 'floor': this.#floor = Math.max(this.#floor, entry.epoch); return;
      case 'signed':
        for (const [stream, ranges] of Object.entries(entry.ranges)) {
          for (const [first, last] of ranges) this.#rangesOf(stream).addRange(first, last);
        }
    }
  }

  #remember(window: SignedWindow): void {
    const { stream, epoch } = window;
    this.#rangesOf(stream).add(epoch);
    this.#kept.set(nameOf(stream, epoch), window);
    this.#untaken.add(nameOf(stream, epoch));
    const ofStream = [...this.#kept].filter(([, kept]) => kept.stream === stream);
    for (const [name] of ofStream.slice(0, Math.max(0, ofStream.length - this.limits.windows))) {
      this.#kept.delete(name);
      this.#untaken.delete(name);
    }
  }

  /** The same memory in a new file: what was dropped from it is what nobody can ask for any more. */
  async #compact(): Promise<void> {
    const entries: Entry[] = [
      { type: 'floor', epoch: this.#floor },
      { type: 'signed', ranges: Object.fromEntries([...this.#signed].map(([stream, ranges]) => [stream, ranges.toJSON()])) },
      ...[...this.#kept].flatMap(([name, window]): Entry[] => [
        { type: 'window', window: windowToJson(window) },
        ...(this.#untaken.has(name) ? [] : [{ type: 'taken', stream: window.stream, epoch: window.epoch } as const]),
      ]),
    ];
    const { file } = this;
    this.#replaced = true;   // what is appended to the old file from here on would be lost
    await replaceFile(file.path, entries.map(encode));
    this.file = (await AppendFile.open(file.path, unreadable)).file;
    this.#replaced = false;
    await file.close();
    this.#compactAt = this.file.bytes + this.limits.growthBytes;
  }

  #rangesOf(stream: string): EpochRanges {
    const ranges = this.#signed.get(stream) ?? new EpochRanges();
    this.#signed.set(stream, ranges);
    return ranges;
  }
}

function nameOf(stream: string, epoch: number): string { return `${stream}/${epoch}`; }

function encode(entry: Entry): Buffer { return Buffer.from(JSON.stringify(entry)); }

/** The file was written a moment ago: damage in it is a failing disk. */
async function unreadable(): Promise<never> { throw new Error('the journal cannot be read back'); }
