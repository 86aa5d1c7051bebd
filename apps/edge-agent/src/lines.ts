/**
 * The lines of a stream, without their ends. Holds one line at a time: the stream is read on when the line was dealt with.
 * @throws RangeError when a line is longer than `maxBytes`.
 */
export async function* linesOf(stream: AsyncIterable<Buffer | string>, maxBytes: number): AsyncGenerator<string, void, undefined> {
  let rest = Buffer.alloc(0);
  for await (const chunk of stream) {
    rest = Buffer.concat([rest, typeof chunk === 'string' ? Buffer.from(chunk) : chunk]);
    for (let end = rest.indexOf(10); end !== -1; end = rest.indexOf(10)) {
      if (end > maxBytes) throw new RangeError(`a line of ${end} bytes; ${maxBytes} are taken`);
      yield rest.subarray(0, end).toString('utf8');
      rest = rest.subarray(end + 1);
    }
    if (rest.length > maxBytes) throw new RangeError(`a line of more than ${maxBytes} bytes`);
  }
}
