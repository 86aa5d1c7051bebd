import { linesOf } from './lines.js';

async function* chunks(...parts: string[]): AsyncGenerator<Buffer> { for (const part of parts) yield Buffer.from(part); }

async function collect(lines: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = [];
  for await (const line of lines) found.push(line);
  return found;
}

describe('lines of a stream', () => {
  it('are found wherever the chunks are cut; what the stream did not end is none', async () => {
    expect(await collect(linesOf(chunks('a', 'b\n\nc', 'd\ne'), 10))).toEqual(['ab', '', 'cd']);
  });

  it('are bounded, with and without an end', async () => {
    await expect(collect(linesOf(chunks('12345678901\n'), 10))).rejects.toThrow(/11 bytes/);
    await expect(collect(linesOf(chunks('123456', '789012'), 10))).rejects.toThrow(/more than 10/);
    expect(await collect(linesOf(chunks('1234567890\n1'), 10))).toEqual(['1234567890']);
  });
});
