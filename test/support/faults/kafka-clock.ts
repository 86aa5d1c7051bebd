import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { startKafka } from '#libs/stack';
import { resolveTools } from '../../../libs/stack/src/tools.js';

/** Modification time of the clock's file that means a right clock, ms; others are ahead of it or behind. */
const RIGHT_MS = 1_000_000_000_000;

const CLOCK_CLASS = 'org/apache/kafka/common/utils/SystemTime';

/**
 * A wall clock of a broker's own, which can be stepped while the broker runs: Kafka's one class that asks for the time, with that one method changed, in front of
 * Kafka's jars. It reads the modification time of a file. Needs no compiler and no privilege.
 */
export class KafkaClock {
  private constructor(private readonly folder: string, private readonly file: string) {}

  static async make(folder: string): Promise<KafkaClock> {
    const { kafkaClasspath } = await resolveTools();
    const jars = dirname(kafkaClasspath);
    const jar = readdirSync(jars).find((name) => /^kafka-clients-.*\.jar$/.test(name))!;
    const file = join(folder, 'clock');
    const target = join(folder, `${CLOCK_CLASS}.class`);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(file, '');
    writeFileSync(target, withClock(fromJar(readFileSync(join(jars, jar)), `${CLOCK_CLASS}.class`), file));
    const clock = new KafkaClock(folder, file);
    clock.step(0);
    return clock;
  }

  /** From now on the broker's clock is so far ahead of the right one; behind it when negative. */
  step(milliseconds: number): void {
    const seconds = (RIGHT_MS + milliseconds) / 1000;
    utimesSync(this.file, seconds, seconds);
  }

  /** As `startKafka` of libs/stack, with this clock. */
  readonly startKafka: typeof startKafka = (parameters) => startKafka({ ...parameters, classesBefore: this.folder });
}

/** One file of a zip archive, by its central directory (APPNOTE.TXT 4.3.12). */
function fromJar(zip: Buffer, wanted: string): Buffer {
  const end = zip.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'));
  let at = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left--) {
    const [method, size] = [zip.readUInt16LE(at + 10), zip.readUInt32LE(at + 20)];
    const [name, extra, comment] = [zip.readUInt16LE(at + 28), zip.readUInt16LE(at + 30), zip.readUInt16LE(at + 32)];
    if (zip.toString('utf8', at + 46, at + 46 + name) === wanted) {
      const local = zip.readUInt32LE(at + 42);
      const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
      const content = zip.subarray(start, start + size);
      return method === 0 ? content : inflateRawSync(content);
    }
    at += 46 + name + extra + comment;
  }
  throw new Error(`no ${wanted} in the jar`);
}

/**
 * The class with `milliseconds()` as `System.currentTimeMillis() + new File(path).lastModified() - RIGHT_MS`: constants are added at the end of the pool, and the
 * method's code is replaced (Java Virtual Machine Specification, chapter 4).
 */
function withClock(original: Buffer, path: string): Buffer {
  const pool = poolOf(original);
  const added: Buffer[] = [];
  let next = pool.count;
  const add = (tag: number, content: Buffer, slots = 1): number => {
    added.push(Buffer.from([tag]), content);
    next += slots;
    return next - slots;
  };
  const utf8 = (text: string) => add(1, Buffer.concat([u2(Buffer.byteLength(text)), Buffer.from(text)]));
  const file = add(7, u2(utf8('java/io/File')));
  const method = (name: string, type: string) => add(10, Buffer.concat([u2(file), u2(add(12, Buffer.concat([u2(utf8(name)), u2(utf8(type))])))]));
  const where = add(8, u2(utf8(path)));
  const init = method('<init>', '(Ljava/lang/String;)V');
  const lastModified = method('lastModified', '()J');
  const long = Buffer.alloc(8);
  long.writeBigInt64BE(BigInt(RIGHT_MS));
  const right = add(5, long, 2);

  const body = original.subarray(pool.end);
  const found = codeOf(body, pool.texts, 'milliseconds');
  const [invokestatic, currentTimeMillis] = [found.code[0]!, found.code.subarray(1, 3)];
  if (invokestatic !== 0xb8 || found.code.length !== 4) throw new Error('Kafka asks for the time in another way than it did');
  const code = Buffer.concat([
    Buffer.from([0xb8]), currentTimeMillis, Buffer.from([0xbb]), u2(file), Buffer.from([0x59, 0x13]), u2(where), Buffer.from([0xb7]), u2(init),
    Buffer.from([0xb6]), u2(lastModified), Buffer.from([0x61, 0x14]), u2(right), Buffer.from([0x65, 0xad]),
  ]);
  const attribute = Buffer.concat([u2(5), u2(1), u4(code.length), code, u2(0), u2(0)]);
  return Buffer.concat([
    original.subarray(0, 8), u2(next), original.subarray(10, pool.end), ...added,
    body.subarray(0, found.start + 2), u4(attribute.length), attribute, body.subarray(found.end),
  ]);
}

/** Where the constant pool ends, how many slots it has, and its texts. */
function poolOf(bytes: Buffer): { count: number; end: number; texts: Map<number, string> } {
  const count = bytes.readUInt16BE(8);
  const texts = new Map<number, string>();
  let at = 10;
  for (let slot = 1; slot < count; slot++) {
    const tag = bytes[at]!;
    if (tag === 1) {
      const length = bytes.readUInt16BE(at + 1);
      texts.set(slot, bytes.toString('utf8', at + 3, at + 3 + length));
      at += 3 + length;
    } else if (tag === 5 || tag === 6) {
      at += 9;
      slot++;
    } else at += [7, 8, 16, 19, 20].includes(tag) ? 3 : tag === 15 ? 4 : 5;
  }
  return { count, end: at, texts };
}

/** The Code attribute of a method, from its name's index to its end, and its instructions. */
function codeOf(body: Buffer, texts: ReadonlyMap<number, string>, wanted: string): { start: number; end: number; code: Buffer } {
  // access, class, super class, count of interfaces and those
  let at = 8 + 2 * body.readUInt16BE(6);
  for (const what of ['fields', 'methods']) {
    let members = body.readUInt16BE(at);
    at += 2;
    for (; members > 0; members--) {
      const name = texts.get(body.readUInt16BE(at + 2));
      let attributes = body.readUInt16BE(at + 6);
      at += 8;
      for (; attributes > 0; attributes--) {
        const [kind, length] = [texts.get(body.readUInt16BE(at)), body.readUInt32BE(at + 2)];
        if (what === 'methods' && name === wanted && kind === 'Code') {
          const size = body.readUInt32BE(at + 10);
          return { start: at, end: at + 6 + length, code: body.subarray(at + 14, at + 14 + size) };
        }
        at += 6 + length;
      }
    }
  }
  throw new Error(`no method ${wanted} in the class`);
}

function u2(n: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(n);
  return bytes;
}

function u4(n: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(n);
  return bytes;
}
