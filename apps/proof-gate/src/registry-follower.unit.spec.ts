import { RegistryProjection } from '#libs/chain';
import { createLog, Outage, Readiness } from '#libs/service';
import { block, deployment, timeOf } from '../../../libs/chain/test/made-up-chain.js';
import { CODEC, raw } from '../../../test/support/gate-records.js';
import { RegistryFollower } from './registry-follower.js';

const D = deployment.registryLagSeconds * 1000;
const setUp = (...blocks: number[]) => {
  const readiness = new Readiness();
  const projection = new RegistryProjection(deployment);
  const follower = new RegistryFollower({
    projection, decode: (value) => CODEC.decode('chain-events', value), outage: new Outage('chain', createLog('test', 'fatal'), readiness), readiness,
  });
  const queue = Promise.withResolvers<void>();
  const values = blocks.map((number) => CODEC.encode('chain-events', block(number)));
  const more: Buffer[] = [];
  const reader = {
    earliest: async () => 0n,
    highWatermark: async () => BigInt(values.length),
    async *follow(_topic: string, _partition: number, _from: bigint, signal: AbortSignal) {
      for (const [i, value] of values.entries()) yield raw(value, { topic: 'chain-events', partition: 0, offset: BigInt(i) });
      const aborted = new Promise<void>((resolve) => { if (signal.aborted) resolve(); signal.addEventListener('abort', () => resolve()); });
      await Promise.race([queue.promise, aborted]);
      for (const value of more) yield raw(value, { topic: 'chain-events', partition: 0, offset: 100n });
      await aborted;
    },
  };
  const end = new AbortController();
  const running = follower.run(reader as never, end.signal);
  const add = (...bytes: Buffer[]) => { more.push(...bytes); queue.resolve(); };
  return { follower, readiness, projection, add, end, running };
};

describe('the registry block of a record', () => {
  it('is waited for until a later block comes, garbage between them or not', async () => {
    const { follower, add, end, running } = setUp(5, 6);
    const waited = follower.blockOf(timeOf(6) + D, new AbortController().signal);
    expect(await Promise.race([waited, new Promise((resolve) => setTimeout(resolve, 50, 'waiting'))])).toBe('waiting');
    add(Buffer.from('garbage'), CODEC.encode('chain-events', block(7)));
    expect(await waited).toMatchObject({ number: 6 });
    end.abort();
    await running;
  });

  it('is none before the first block', async () => {
    const { follower, end, running } = setUp(5);
    expect(await follower.blockOf(timeOf(5) + D - 1, new AbortController().signal)).toBeNull();
    end.abort();
    await running;
  });

  it('is given up when the partition is taken away', async () => {
    const { follower, end, running } = setUp(5);
    const lost = new AbortController();
    const waited = follower.blockOf(timeOf(9) + D, lost.signal);
    lost.abort();
    await expect(waited).rejects.toThrow('aborted');
    end.abort();
    await running;
  });

  it('a chain that contradicts itself ends the gate', async () => {
    const { add, running } = setUp(5, 6);
    add(CODEC.encode('chain-events', block(6, [], { fork: 1 })));
    await expect(running).rejects.toThrow(/^ATS_CHAIN_DIVERGED/);
  });
});
