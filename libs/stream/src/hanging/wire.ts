/**
 * Kafka's flexible encoding (KIP-482), as far as the four requests of this folder need it: lengths of strings and arrays are unsigned varints of the length
 * plus one, and each structure ends with its tagged fields, of which we send none and skip those we get. kafkajs speaks none of these versions.
 */
export class Writer {
  readonly #parts: Buffer[] = [];

  get buffer(): Buffer {
    return Buffer.concat(this.#parts);
  }

  int16(value: number): this {
    const bytes = Buffer.alloc(2);
    bytes.writeInt16BE(value);
    return this.#put(bytes);
  }

  int32(value: number): this {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32BE(value);
    return this.#put(bytes);
  }

  int64(value: bigint): this {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64BE(value);
    return this.#put(bytes);
  }

  boolean(value: boolean): this {
    return this.#put(Buffer.from([value ? 1 : 0]));
  }

  string(value: string): this {
    const bytes = Buffer.from(value);
    return this.varint(bytes.length + 1).#put(bytes);
  }

  array<T>(values: readonly T[], write: (writer: this, value: T) => void): this {
    this.varint(values.length + 1);
    for (const value of values) write(this, value);
    return this;
  }

  /** Ends a structure. */
  noTags(): this {
    return this.varint(0);
  }

  varint(value: number): this {
    const bytes: number[] = [];
    for (; value > 0x7f; value >>>= 7) bytes.push((value & 0x7f) | 0x80);
    return this.#put(Buffer.from([...bytes, value]));
  }

  #put(bytes: Buffer): this {
    this.#parts.push(bytes);
    return this;
  }
}

/** Reads what {@link Writer} writes, from a broker. Throws RangeError beyond the end. */
export class Reader {
  #at = 0;

  constructor(private readonly bytes: Buffer) {}

  int8(): number {
    return this.bytes.readInt8(this.#move(1));
  }

  int16(): number {
    return this.bytes.readInt16BE(this.#move(2));
  }

  int32(): number {
    return this.bytes.readInt32BE(this.#move(4));
  }

  int64(): bigint {
    return this.bytes.readBigInt64BE(this.#move(8));
  }

  string(): string {
    return this.nullableString() ?? '';
  }

  nullableString(): string | null {
    const length = this.varint() - 1;
    return length < 0 ? null : this.#take(length).toString('utf8');
  }

  /** A string of a version that is not flexible. */
  plainString(): string {
    return this.#take(this.int16()).toString('utf8');
  }

  /** Null reads as empty. */
  array<T>(read: (reader: this) => T): T[] {
    return this.#items(this.varint() - 1, read);
  }

  /** An array of a version that is not flexible. */
  plainArray<T>(read: (reader: this) => T): T[] {
    return this.#items(this.int32(), read);
  }

  skipTags(): this {
    for (let left = this.varint(); left > 0; left--) {
      this.varint();
      this.#take(this.varint());
    }
    return this;
  }

  varint(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.bytes.readUInt8(this.#move(1));
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
      if (shift === 28) throw new RangeError('a varint has more than five bytes');
    }
  }

  #items<T>(length: number, read: (reader: this) => T): T[] {
    const items: T[] = [];
    for (let i = 0; i < length; i++) items.push(read(this));
    return items;
  }

  #take(length: number): Buffer {
    const from = this.#move(length);
    return this.bytes.subarray(from, from + length);
  }

  #move(length: number): number {
    const from = this.#at;
    if (length < 0 || from + length > this.bytes.length) throw new RangeError(`${length} bytes wanted at ${from} of ${this.bytes.length}`);
    this.#at += length;
    return from;
  }
}
