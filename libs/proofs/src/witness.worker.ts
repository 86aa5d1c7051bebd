// Thread that runs circom's witness calculators, each compiled once. Node runs this file as it stands when the sources are run (so: erasable types
// only, no imports of our own but types), and its compiled twin from dist.
import { readFileSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';

export interface WitnessTask { input: Record<string, unknown>; wasmFile: string }
/** `wtns`: the bytes of a .wtns file. */
export type WitnessAnswer = { ok: true; wtns: Uint8Array } | { ok: false; why: string };

/** What circom 2 exports; words are 32 bits, least significant first, handed over one by one. */
interface Calculator {
  init(sanityCheck: number): void;
  getFieldNumLen32(): number;
  getRawPrime(): void;
  getWitnessSize(): number;
  getInputSize(): number;
  getInputSignalSize(hashHigh: number, hashLow: number): number;
  setInputSignal(hashHigh: number, hashLow: number, index: number): void;
  getWitness(index: number): void;
  readSharedRWMemory(word: number): number;
  writeSharedRWMemory(word: number, value: number): void;
  getMessageChar(): number;
}

/** The part of WebAssembly that is used here; its types come with the DOM's. */
declare const WebAssembly: { Module: new (code: Uint8Array) => object; Instance: new (module: object, imports: object) => { exports: object } };

/** circom's codes of exceptionHandler. */
const EXCEPTIONS = ['', 'signal not found', 'too many signals set', 'signal already set', 'assertion failed', 'out of memory', 'input array too large'];

const modules = new Map<string, object>();
const calculators = new Map<string, Calculator>();

parentPort!.on('message', (task: WitnessTask) => {
  let answer: WitnessAnswer;
  try {
    answer = { ok: true, wtns: calculate(task) };
  } catch (error) {
    // What a failed run leaves behind would stand in the next one's way.
    calculators.delete(task.wasmFile);
    answer = { ok: false, why: error instanceof Error ? error.message : String(error) };
  }
  parentPort!.postMessage(answer);
});

function calculate({ input, wasmFile }: WitnessTask): Uint8Array {
  const calculator = calculators.get(wasmFile) ?? instantiate(wasmFile);
  calculators.set(wasmFile, calculator);
  const words = calculator.getFieldNumLen32();
  calculator.getRawPrime();
  const prime = readWords(calculator, words);
  calculator.init(0);
  setInputs(calculator, input, prime, words);

  const count = calculator.getWitnessSize();
  const header = wtnsHeader(prime, words, count);
  const view = new DataView(new ArrayBuffer(header.length + 4 * words * count));
  new Uint8Array(view.buffer).set(header);
  for (let signal = 0, offset = header.length; signal < count; signal++) {
    calculator.getWitness(signal);
    for (let word = 0; word < words; word++, offset += 4) view.setUint32(offset, calculator.readSharedRWMemory(word), true);
  }
  return new Uint8Array(view.buffer);
}

function instantiate(wasmFile: string): Calculator {
  const module = modules.get(wasmFile) ?? new WebAssembly.Module(readFileSync(wasmFile));
  modules.set(wasmFile, module);
  const places: string[] = [];
  const nothing = (): void => undefined;
  const instance: { exports: object } = new WebAssembly.Instance(module, {
    runtime: {
      exceptionHandler(code: number) { throw new Error([EXCEPTIONS[code] ?? `exception ${code}`, ...places].join(', ')); },
      // A line for each template on the way to the assertion.
      printErrorMessage() {
        const { getMessageChar } = instance.exports as Calculator;
        let text = '';
        for (let char = getMessageChar(); char !== 0; char = getMessageChar()) text += String.fromCharCode(char);
        places.push(text.trim());
      },
      writeBufferMessage: nothing,
      showSharedRWMemory: nothing,
    },
  });
  return instance.exports as Calculator;
}

function setInputs(calculator: Calculator, input: Record<string, unknown>, prime: bigint, words: number): void {
  let set = 0;
  for (const [name, value] of Object.entries(input)) {
    const [high, low] = fnv1a(name);
    const values = flatten(value, name);
    const size = calculator.getInputSignalSize(high, low);
    if (size <= 0) throw new Error(`signal ${name} not found`);
    if (values.length !== size) throw new Error(`signal ${name} has ${size} values, not ${values.length}`);
    values.forEach((element, index) => {
      const residue = ((element % prime) + prime) % prime;
      for (let word = 0; word < words; word++) calculator.writeSharedRWMemory(word, Number((residue >> BigInt(32 * word)) & 0xffffffffn));
      calculator.setInputSignal(high, low, index);
      set += 1;
    });
  }
  if (set < calculator.getInputSize()) throw new Error(`not all inputs have been set: ${set} of ${calculator.getInputSize()}`);
}

/** Whole numbers, in arrays of any depth. */
function flatten(value: unknown, name: string): bigint[] {
  if (Array.isArray(value)) return value.flatMap((element) => flatten(element, name));
  if (typeof value === 'bigint' || typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean') return [BigInt(value)];
  throw new Error(`signal ${name} has a value that is no number`);
}

/** FNV-1a, 64 bits: how circom names signals. */
function fnv1a(name: string): [high: number, low: number] {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(name)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return [Number(hash >> 32n), Number(hash & 0xffffffffn)];
}

function readWords(calculator: Calculator, words: number): bigint {
  let value = 0n;
  for (let word = words - 1; word >= 0; word--) value = (value << 32n) | BigInt(calculator.readSharedRWMemory(word) >>> 0);
  return value;
}

/** snarkjs's .wtns, version 2: section 1 (size of a number, prime, how many signals), then section 2's head. */
function wtnsHeader(prime: bigint, words: number, count: number): Uint8Array {
  const size = 4 * words;
  const view = new DataView(new ArrayBuffer(12 + 12 + 8 + size + 12));
  let offset = 0;
  const u32 = (value: number) => { view.setUint32(offset, value, true); offset += 4; };
  const u64 = (value: number) => { view.setBigUint64(offset, BigInt(value), true); offset += 8; };
  u32(0x736e7477); // "wtns"
  u32(2);
  u32(2);
  u32(1);
  u64(8 + size);
  u32(size);
  for (let word = 0; word < words; word++) u32(Number((prime >> BigInt(32 * word)) & 0xffffffffn));
  u32(count);
  u32(2);
  u64(size * count);
  return new Uint8Array(view.buffer);
}
