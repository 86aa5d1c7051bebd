import { isUtf8 } from 'node:buffer';
import { LONG_LIMIT, Unreadable, type AvroSchema } from './scan.js';

type Step = (projection: Projection, bytes: Uint8Array) => void;

/**
 * Some fields of a record, read without making the event. As strict as a scanner over the whole value: what one takes, the other takes.
 * Knows records, fixed, enums, strings, booleans, ints and longs.
 */
export class Projection {
  /** The wanted fields in their order: the value of an int or long, the first byte of a fixed. */
  readonly found: number[];
  /** Where the next step reads, and where the value ends. */
  at = 0;
  end = 0;
  readonly #steps: Step[] = [];
  /** Fixed and named types by name. */
  readonly #named = new Map<string, AvroSchema>();

  /**
   * @param wanted paths of int, long and fixed fields, such as `source.offset`
   * @throws RangeError for a path that is none, and for other kinds of schema
   */
  constructor(schema: AvroSchema, wanted: readonly string[]) {
    this.found = wanted.map(() => Number.NaN);
    const missing = new Set(wanted);
    this.#compile(schema, '', (path) => {
      missing.delete(path);
      return wanted.indexOf(path);
    });
    if (missing.size > 0) throw new RangeError(`no int, long or fixed ${[...missing].join(', ')}`);
  }

  /** Reads bytes[start..end). Throws {@link Unreadable} where a scanner does. */
  read(bytes: Uint8Array, start: number, end: number): void {
    this.at = start;
    this.end = end;
    for (const step of this.#steps) step(this, bytes);
    if (this.at !== end) throw new Unreadable(`${end - this.at} bytes after the event`);
  }

  /** A zigzag varint in its shortest form, within {@link LONG_LIMIT}. */
  long(bytes: Uint8Array): number {
    let zigzag = 0;
    for (let factor = 1; ; factor *= 128) {
      if (this.at >= this.end) throw new Unreadable('a number is cut short');
      const byte = bytes[this.at++]!;
      zigzag += (byte & 0x7f) * factor;
      if (zigzag >= 2 * LONG_LIMIT) throw new Unreadable('a number beyond 2^52');
      if (byte < 0x80) {
        if (byte === 0 && factor > 1) throw new Unreadable('a padded number');
        return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
      }
      if (factor > LONG_LIMIT) throw new Unreadable('a number beyond 2^52');
    }
  }

  skip(bytes: number): void {
    if (bytes < 0 || bytes > this.end - this.at) throw new Unreadable(`${bytes} bytes expected, ${this.end - this.at} left`);
    this.at += bytes;
  }

  #compile(schema: AvroSchema, path: string, indexOf: (path: string) => number): void {
    const add = (step: Step) => void this.#steps.push(step);
    if (typeof schema === 'string' && this.#named.has(schema)) return this.#compile(this.#named.get(schema)!, path, indexOf);
    const type = typeof schema === 'string' ? schema : 'type' in schema ? schema.type : undefined;
    if (typeof schema === 'object' && 'name' in schema && schema.name !== undefined) {
      this.#named.set(schema.name, schema);
      this.#named.set(`${schema.namespace ?? 'attestream'}.${schema.name}`, schema);
    }
    switch (type) {
      case 'record':
        for (const field of (schema as { fields: readonly { name: string; type: AvroSchema }[] }).fields) {
          this.#compile(field.type, path === '' ? field.name : `${path}.${field.name}`, indexOf);
        }
        return;
      case 'fixed': {
        const { size } = schema as { size: number };
        const index = indexOf(path);
        return add((projection) => {
          if (index >= 0) projection.found[index] = projection.at;
          projection.skip(size);
        });
      }
      case 'enum': {
        const { length } = (schema as { symbols: readonly string[] }).symbols;
        return add((projection, bytes) => {
          const symbol = projection.long(bytes);
          if (symbol < 0 || symbol >= length) throw new Unreadable(`no symbol ${symbol}`);
        });
      }
      case 'int':
      case 'long': {
        const index = indexOf(path);
        return add((projection, bytes) => {
          const value = projection.long(bytes);
          if (type === 'int' && value !== (value | 0)) throw new Unreadable('an int of more than 32 bits');
          if (index >= 0) projection.found[index] = value;
        });
      }
      case 'boolean':
        return add((projection, bytes) => {
          projection.skip(1);
          if (bytes[projection.at - 1]! > 1) throw new Unreadable(`a boolean of ${bytes[projection.at - 1]}`);
        });
      case 'string':
        return add(skipString);
      default:
        if (typeof type === 'object' || (type !== undefined && typeof schema === 'object')) return this.#compile(type, path, indexOf);
        throw new RangeError(`no projection of Avro type ${JSON.stringify(schema)}`);
    }
  }
}

function skipString(projection: Projection, bytes: Uint8Array): void {
  const length = projection.long(bytes);
  const start = projection.at;
  projection.skip(length);
  for (let at = start; at < projection.at; at++) {
    if (bytes[at]! < 0x80) continue;
    if (!isUtf8(bytes.subarray(start, projection.at))) throw new Unreadable('a string that is not UTF-8');
    return;
  }
}
