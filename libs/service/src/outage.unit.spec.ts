import { AtsError } from '#libs/errors';
import { createLog } from './log.js';
import { Outage } from './outage.js';
import { Readiness } from './readiness.js';

const unreachable = (): AtsError => new AtsError('ATS_CHAIN_UNREACHABLE', 'http://127.0.0.1:1');

function setUp(): { outage: Outage; readiness: Readiness; lines: { level: string; code?: string; dependency: string }[] } {
  const lines: { level: string; code?: string; dependency: string }[] = [];
  const log = createLog('test', 'debug', { write: (line) => void lines.push(JSON.parse(line) as (typeof lines)[number]) });
  const readiness = new Readiness();
  return { outage: new Outage('chain', log, readiness), readiness, lines };
}

it('is logged once when it begins and once when it is over, and readiness names it in between', () => {
  const { outage, readiness, lines } = setUp();
  for (let i = 0; i < 5; i++) outage.begin(unreachable());
  expect(readiness.status()).toEqual({ ready: false, waitingFor: { chain: unreachable().message } });
  for (let i = 0; i < 5; i++) outage.end();
  expect(readiness.ready).toBe(true);
  expect(lines).toEqual([expect.objectContaining({ level: 'warn', code: 'ATS_CHAIN_UNREACHABLE', dependency: 'chain' }), expect.objectContaining({ level: 'info', dependency: 'chain' })]);
});

it('says nothing of a dependency that answers', () => {
  const { outage, lines } = setUp();
  outage.end();
  expect(lines).toEqual([]);
});

describe('outlast', () => {
  const { signal } = new AbortController();

  it('repeats until the dependency answers, and gives its answer', async () => {
    const { outage, readiness, lines } = setUp();
    let attempts = 0;
    const answer = await outage.outlast(() => (++attempts < 3 ? Promise.reject(unreachable()) : Promise.resolve('here')), signal);
    expect([answer, attempts, readiness.ready, lines.length]).toEqual(['here', 3, true, 2]);
  });

  it('throws every other error at once', async () => {
    for (const error of [new TypeError('x'), new AtsError('ATS_CHAIN_WRONG', 'x')]) {
      await expect(setUp().outage.outlast(() => Promise.reject(error), signal)).rejects.toBe(error);
    }
  });

  it('ends with the abort when it is told to stop, also in an attempt that is never answered', async () => {
    const stopping = new AbortController();
    const waiting = setUp().outage.outlast(() => new Promise(() => undefined), stopping.signal);
    setImmediate(() => stopping.abort());
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('ends with the abort when it is told to stop, in its pause as well', async () => {
    const stopping = new AbortController();
    const { outage } = setUp();
    const waiting = outage.outlast(() => Promise.reject(unreachable()), stopping.signal);
    setImmediate(() => stopping.abort());
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
    await expect(outage.outlast(() => Promise.resolve(), stopping.signal)).rejects.toMatchObject({ name: 'AbortError' });
  });
});
