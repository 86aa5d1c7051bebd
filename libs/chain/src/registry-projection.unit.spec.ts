import { AtsError } from '#libs/errors';
import { MerkleTree, leafHash, rootOfPath } from '#libs/proofs';
import { block, deployment, leafValues, published, registered, revoked, timeOf } from '../test/made-up-chain.js';
import { RegistryProjection } from './registry-projection.js';

const leafCache: bigint[] = [];
const leaf = (n: number): bigint => (leafCache[n] ??= leafHash(leafValues(n)));
const rootOf = (...leaves: bigint[]): bigint => {
  const tree = new MerkleTree();
  for (const value of leaves) tree.append(value);
  return tree.root;
};
const codeOf = (action: () => unknown): string => {
  try {
    action();
  } catch (error) {
    if (error instanceof AtsError) return error.code;
    throw error;
  }
  return 'none';
};
const projectionOf = (...blocks: Parameters<typeof block>[]): RegistryProjection => {
  const projection = new RegistryProjection(deployment);
  for (const args of blocks) projection.apply(block(...args));
  return projection;
};

describe('the chain', () => {
  it('ignores a block that was applied before', () => {
    const projection = projectionOf([5], [6, [registered(0)]]);
    expect(projection.apply(block(6, [registered(0)]))).toBe(false);
    expect(projection.apply(block(5))).toBe(false);
    expect(projection.tree().size).toBe(1);
    expect(projection.head?.number).toBe(6);
  });

  it.each([
    ['another hash at a known height', block(6, [], { fork: 1 }), 'ATS_CHAIN_DIVERGED'],
    ['a broken parent link', block(7, [registered(0)], { parentFork: 1 }), 'ATS_CHAIN_DIVERGED'],
    ['a gap', block(8), 'ATS_CHAIN_DIVERGED'],
    ['a block before the first', block(4), 'ATS_CHAIN_DIVERGED'],
    ['time that moves back', { ...block(7), timestamp: timeOf(5) }, 'ATS_CHAIN_DIVERGED'],
    ['another chain', { ...block(7), chainId: 1 }, 'ATS_CHAIN_WRONG'],
  ])('refuses %s and stays as it was', (_, refused, code) => {
    const projection = projectionOf([5], [6]);
    expect(codeOf(() => projection.apply(refused))).toBe(code);
    expect(projection.head?.number).toBe(6);
    expect(projection.tree().size).toBe(0);
    expect(projection.apply(block(7))).toBe(true);
  });

  it('starts with the first block of the deployment and no other', () => {
    expect(codeOf(() => projectionOf([6]))).toBe('ATS_CHAIN_DIVERGED');
  });
});

describe('the registry block of a time', () => {
  const lagMs = deployment.registryLagSeconds * 1000;

  it('waits until a later block is known', () => {
    const projection = projectionOf([5], [6]);
    expect(new RegistryProjection(deployment).registryBlock(0)).toEqual({ status: 'waiting' });
    expect(projection.registryBlock(timeOf(6) + lagMs)).toEqual({ status: 'waiting' });
    projection.apply(block(7));
    expect(projection.registryBlock(timeOf(6) + lagMs)).toMatchObject({ status: 'found', block: { number: 6 } });
  });

  it('is the highest one whose time is at most the record time less D', () => {
    const projection = projectionOf(...Array.from({ length: 20 }, (_, i): [number] => [5 + i]));
    for (let number = 5; number < 24; number++) {
      expect(projection.registryBlock(timeOf(number) + lagMs)).toMatchObject({ block: { number } });
      expect(projection.registryBlock(timeOf(number) + lagMs + 1999)).toMatchObject({ block: { number, hash: block(number).hash } });
    }
    expect(projection.registryBlock(timeOf(5) + lagMs - 1)).toEqual({ status: 'none' });
  });

  it('is found across pages of the block index', () => {
    const projection = new RegistryProjection(deployment);
    for (let number = 5; number < 20_000; number++) projection.apply(block(number));
    for (const number of [5, 8196, 8197, 8198, 16_389, 19_998]) {
      expect(projection.registryBlock(timeOf(number) + lagMs)).toMatchObject({ block: { number, hash: block(number).hash, timestampMs: timeOf(number) } });
    }
  });
});

describe('roots', () => {
  it('are known from their block on, and for good', () => {
    const projection = projectionOf([5], [6, [registered(0)]], [7], [8, [registered(1)]]);
    const [empty, one, two] = [rootOf(), rootOf(leaf(0)), rootOf(leaf(0), leaf(1))];
    expect([5, 6, 7, 8].map((number) => projection.rootAt(empty, number, 0))).toEqual(['known', 'known', 'known', 'known']);
    expect([5, 6, 7, 8].map((number) => projection.rootAt(one, number, 0))).toEqual(['unknown', 'known', 'known', 'known']);
    expect([5, 6, 7, 8].map((number) => projection.rootAt(two, number, 0))).toEqual(['unknown', 'unknown', 'unknown', 'known']);
  });

  it('inside a block are not known: only the one after it', () => {
    const projection = projectionOf([5, [registered(0), registered(1)]]);
    expect(projection.rootAt(rootOf(leaf(0)), 5, 0)).toBe('unknown');
    expect(projection.rootAt(rootOf(leaf(0), leaf(1)), 5, 0)).toBe('known');
  });

  it('die one grace after a leaf live under them was revoked, older and later ones do not', () => {
    const projection = projectionOf([5], [6, [registered(0)]], [7, [registered(1)]], [8, [registered(2)]], [9, [revoked(1)]], [10], [11], [12], [13]);
    const [one, two, three] = [rootOf(leaf(0)), rootOf(leaf(0), leaf(1)), rootOf(leaf(0), leaf(1), leaf(2))];
    const after = rootOf(leaf(0), 0n, leaf(2));
    // grace of 4 s: two blocks; at exactly the grace they still live
    expect([8, 9, 10, 11, 12].map((number) => projection.rootAt(two, number, 4))).toEqual(['known', 'known', 'known', 'known', 'revoked']);
    expect(projection.rootAt(three, 12, 4)).toBe('revoked');
    expect(projection.rootAt(one, 13, 0)).toBe('known');
    expect(projection.rootAt(after, 13, 0)).toBe('known');
  });

  it('that come back when the newest leaf is revoked stay known, and die with their own leaves', () => {
    const projection = projectionOf([5, [registered(0)]], [6, [registered(1)]], [7, [revoked(1)]], [8], [9, [revoked(0)]], [10]);
    expect(projection.rootAt(rootOf(leaf(0)), 8, 0)).toBe('known');
    expect(projection.rootAt(rootOf(leaf(0)), 10, 0)).toBe('revoked');
    expect(projection.rootAt(rootOf(leaf(0), leaf(1)), 8, 0)).toBe('revoked');
  });

  it('agree with a recount of random histories', () => {
    let seed = 7;
    const random = (n: number): number => (seed = (seed * 1103515245 + 12345) % 2 ** 31) % n;
    const projection = new RegistryProjection(deployment);
    const leaves: { leaf: bigint; from: number; to: number }[] = [];
    const rootAfter = new Map<number, bigint>();
    for (let number = 5; number < 30; number++) {
      const logs = [];
      for (let i = random(3); i > 0; i--) {
        const live = leaves.flatMap((l, at) => (l.to === Infinity ? [at] : []));
        if (live.length && random(3) === 0) {
          const at = live[random(live.length)]!;
          leaves[at]!.to = number;
          logs.push(revoked(at));
        } else {
          logs.push(registered(leaves.length));
          leaves.push({ leaf: leaf(leaves.length), from: number, to: Infinity });
        }
      }
      projection.apply(block(number, logs));
      rootAfter.set(number, rootOf(...leaves.map((l) => (l.to === Infinity ? l.leaf : 0n))));
    }
    expect(projection.tree().root).toBe(rootAfter.get(29));
    for (const [since, root] of rootAfter) {
      for (let at = 5; at < 30; at++) {
        const known = [...rootAfter].some(([number, other]) => number <= at && other === root);
        const lost = leaves.some(({ from, to }) => from <= since && since < to && to <= at && timeOf(to) + 6000 < timeOf(at));
        expect([since, at, projection.rootAt(root, at, 6)]).toEqual([since, at, !known ? 'unknown' : lost ? 'revoked' : 'known']);
      }
    }
    for (const at of [10, 20, 29]) {
      for (const { leaf: value, from, to } of leaves) {
        const membership = projection.membership(value, at);
        const root = from <= at && at < to ? rootAfter.get(at) : undefined;
        expect([membership?.root, membership && rootOfPath(value, membership)]).toEqual([root, root]);
      }
    }
    expect(projection.tree().root).toBe(rootAfter.get(29));
  });
});

describe('leaves', () => {
  it('are found by value while they live', () => {
    const projection = projectionOf([5, [registered(0), registered(1)]], [6, [revoked(0)]]);
    expect([projection.leafIndex(leaf(0)), projection.leafIndex(leaf(1))]).toEqual([undefined, 1]);
    expect(projection.membership(leaf(0), 6)).toBeUndefined();
    expect(projection.membership(leaf(0), 5)?.root).toBe(rootOf(leaf(0), leaf(1)));
  });
});

describe('parameter sets', () => {
  it('are in force from their block on', () => {
    const projection = projectionOf([5], [6, [published(1, 'one')]], [7], [8, [published(2, 'two')]]);
    expect([5, 6, 7, 8].map((number) => projection.parametersAt(number)?.document.toString())).toEqual([undefined, 'one', 'one', 'two']);
    expect(projection.parametersAt(8)).toMatchObject({ version: 2, block: 8 });
  });
});

describe('logs that our contracts cannot have emitted', () => {
  const from = (address: string) => ({ ...registered(0), address: Buffer.from(address.slice(2), 'hex') });
  it.each([
    ['truncated data', { ...registered(0), data: registered(0).data.subarray(0, 40) }],
    ['a missing topic', { ...registered(0), topics: registered(0).topics.slice(0, 2) }],
    ['an index out of turn', registered(3)],
    ['a revocation of no leaf', revoked(3)],
    ['a version out of turn', published(2, 'x')],
    ['a document offset far outside', { ...published(1, 'x'), data: Buffer.alloc(64, 0xff) }],
    ['a field element above the modulus', { ...registered(0), data: Buffer.alloc(registered(0).data.length, 0xff) }],
  ])('%s changes nothing and is counted', (_, log) => {
    const projection = projectionOf([5, [log]]);
    expect(projection.malformedLogs).toBe(1);
    expect([projection.tree().size, projection.parametersAt(5)]).toEqual([0, undefined]);
    expect(projection.apply(block(6, [registered(0), published(1, 'ok')]))).toBe(true);
    expect([projection.tree().size, projection.parametersAt(6)?.version]).toEqual([1, 1]);
  });

  it.each([
    ['of another contract', from('0x00000000000000000000000000000000000000ff')],
    ['of our contract at the other address', from(deployment.policyRegistry)],
    ['of an unknown event', { ...registered(0), topics: [Buffer.alloc(32, 9)] }],
    ['without topics', { ...registered(0), topics: [] }],
  ])('a log %s is of no concern', (_, log) => {
    const projection = projectionOf([5, [log]]);
    expect([projection.malformedLogs, projection.tree().size]).toEqual([0, 0]);
  });
});
