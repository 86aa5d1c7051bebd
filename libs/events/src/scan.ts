/**
 * Avro binary encoding (Avro specification 1.12, "Binary encoding"), read strictly: each value has exactly one byte string here. avsc alone takes
 * padded varints, booleans of any byte, overlong UTF-8, split arrays and counts of a billion items; a verdict and a hash must not depend on which.
 */
import { isUtf8 } from 'node:buffer';

/** A long lies in [-LONG_LIMIT, LONG_LIMIT): beyond it, the floating-point varints of JavaScript lose the lowest bit. */
export const LONG_LIMIT = 2 ** 52;

/** Steps over one value of a schema that begins at `at`; returns where it ends, or throws {@link Unreadable}. */
export type Scanner = (bytes: Uint8Array, at: number) => number;

/** What is wrong and at which byte of the scanned bytes, and the field it is in. */
export class Unreadable extends Error {
  override readonly name = 'Unreadable';

  constructor(readonly fault: string, readonly path?: string) {
    super(path === undefined ? fault : `${fault}, in ${path}`);
  }
}

/** A JSON form of an Avro schema, as far as the topics use it. */
export type AvroSchema = string | readonly AvroSchema[] | {
  readonly type: AvroSchema;
  readonly name?: string;
  readonly namespace?: string;
  readonly size?: number;
  readonly symbols?: readonly string[];
  readonly items?: AvroSchema;
  readonly fields?: readonly { readonly name: string; readonly type: AvroSchema }[];
};

/** A scanner of a schema. Throws RangeError for a kind of schema that no topic may use (maps, floats). */
export function compileScanner(schema: AvroSchema, named = new Map<string, Scanner>()): Scanner {
  if (typeof schema === 'string') return PRIMITIVES[schema] ?? fromMap(named, schema);
  if (isUnion(schema)) return scanUnion(schema.map((branch) => compileScanner(branch, named)));
  const scanner = compileComplex(schema, named);
  if (schema.name !== undefined) {
    named.set(schema.name, scanner);
    named.set(`${schema.namespace ?? 'attestream'}.${schema.name}`, scanner);
  }
  return scanner;
}

function compileComplex(schema: Exclude<AvroSchema, string | readonly AvroSchema[]>, named: Map<string, Scanner>): Scanner {
  switch (schema.type) {
    case 'record':
      return scanRecord(schema.fields!.map(({ name, type }) => [name, compileScanner(type, named)]));
    case 'array':
      return scanArray(compileScanner(schema.items!, named));
    case 'fixed':
      return (bytes, at) => advance(bytes, at, schema.size!);
    case 'enum':
      return (bytes, at) => scanIndex(bytes, at, schema.symbols!.length, 'symbol').end;
    default:
      return compileScanner(schema.type, named);
  }
}

const PRIMITIVES: Readonly<Record<string, Scanner>> = {
  null: (_bytes, at) => at,
  boolean: (bytes, at) => {
    const end = advance(bytes, at, 1);
    if (bytes[at]! > 1) throw new Unreadable(`a boolean of ${bytes[at]} at byte ${at}`);
    return end;
  },
  int: (bytes, at) => {
    const { value, end } = readLong(bytes, at);
    if (value !== (value | 0)) throw new Unreadable(`an int of more than 32 bits at byte ${at}`);
    return end;
  },
  long: (bytes, at) => readLong(bytes, at).end,
  bytes: (bytes, at) => scanSized(bytes, at).end,
  string: (bytes, at) => {
    const { start, end } = scanSized(bytes, at);
    if (!isUtf8(bytes.subarray(start, end))) throw new Unreadable(`a string that is not UTF-8 at byte ${at}`);
    return end;
  },
};

function scanRecord(fields: readonly (readonly [string, Scanner])[]): Scanner {
  return (bytes, at) => {
    let end = at;
    for (const [name, scan] of fields) {
      try {
        end = scan(bytes, end);
      } catch (error) {
        if (!(error instanceof Unreadable)) throw error;
        throw new Unreadable(error.fault, error.path === undefined ? name : `${name}.${error.path}`);
      }
    }
    return end;
  };
}

/** One block with a positive count and then the end, as every common writer puts it; a count costs no memory and can't outrun the bytes. */
function scanArray(scanItem: Scanner): Scanner {
  return (bytes, at) => {
    const count = readLong(bytes, at);
    if (count.value === 0) return count.end;
    if (count.value < 0 || count.value > bytes.length) throw new Unreadable(`an array of ${count.value} items at byte ${at}`);
    let end = count.end;
    for (let i = 0; i < count.value; i++) end = scanItem(bytes, end);
    const close = readLong(bytes, end);
    if (close.value !== 0) throw new Unreadable(`a second array block at byte ${end}`);
    return close.end;
  };
}

function scanUnion(branches: readonly Scanner[]): Scanner {
  return (bytes, at) => {
    const { value, end } = scanIndex(bytes, at, branches.length, 'union branch');
    return branches[value]!(bytes, end);
  };
}

function scanIndex(bytes: Uint8Array, at: number, count: number, what: string): { value: number; end: number } {
  const index = readLong(bytes, at);
  if (index.value < 0 || index.value >= count) throw new Unreadable(`no ${what} ${index.value} at byte ${at}`);
  return index;
}

function scanSized(bytes: Uint8Array, at: number): { start: number; end: number } {
  const length = readLong(bytes, at);
  if (length.value < 0) throw new Unreadable(`a length of ${length.value} at byte ${at}`);
  return { start: length.end, end: advance(bytes, length.end, length.value) };
}

function advance(bytes: Uint8Array, at: number, count: number): number {
  if (count > bytes.length - at) throw new Unreadable(`${count} bytes expected at byte ${at}, ${bytes.length - at} left`);
  return at + count;
}

/** A zigzag varint in its shortest form, within {@link LONG_LIMIT}. */
function readLong(bytes: Uint8Array, at: number): { value: number; end: number } {
  let zigzag = 0;
  let factor = 1;
  for (let end = at; ; factor *= 128) {
    advance(bytes, end, 1);
    const byte = bytes[end++]!;
    zigzag += (byte & 0x7f) * factor;
    if (zigzag >= 2 * LONG_LIMIT) throw new Unreadable(`a number beyond 2^52 at byte ${at}`);
    if (byte < 0x80) {
      if (byte === 0 && factor > 1) throw new Unreadable(`a padded number at byte ${at}`);
      return { value: zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2, end };
    }
    if (factor > LONG_LIMIT) throw new Unreadable(`a number beyond 2^52 at byte ${at}`);
  }
}

function fromMap(named: ReadonlyMap<string, Scanner>, name: string): Scanner {
  const scanner = named.get(name);
  if (scanner === undefined) throw new RangeError(`no scanner for Avro type ${name}`);
  return scanner;
}

function isUnion(schema: AvroSchema): schema is readonly AvroSchema[] {
  return Array.isArray(schema);
}
