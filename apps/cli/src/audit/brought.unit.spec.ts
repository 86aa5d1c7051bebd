import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Archive } from '#libs/audit';
import { writeDeployment, type Deployment } from '#libs/chain';
import { CIRCUITS_FOLDER } from '#libs/proofs';
import { layoutOf } from '../layout.js';
import { deploymentOf, ownWords, type BroughtFlags } from './brought.js';

const address = (n: number) => `0x${`${n}`.repeat(40)}`;
const deployment: Deployment = { chainId: 31_337, operator: address(1), deviceRegistry: address(2), policyRegistry: address(3), checkpointAnchor: address(4), firstBlock: 1, registryLagSeconds: 12 };

const dir = mkdtempSync(join(tmpdir(), 'attestream-brought-'));
afterAll(() => rmSync(dir, { recursive: true }));
const layout = layoutOf({ home: join(dir, 'home'), portBase: 20_000, households: 1 });
const own = join(dir, 'deployment.json');
writeDeployment(own, deployment);
const archive = { deployment, vkey: 'log.example+00000000+key', manifest: { head: { number: 7, hash: `0x${'ab'.repeat(32)}` } }, circuitsFolder: join(dir, 'none') } as Archive;
const all = { 'block-hash': 'ab'.repeat(32), deployment: own, vkey: 'a file' };
const codes = (flags: BroughtFlags, change: Partial<Archive> = {}) => ownWords({ ...archive, ...change }, flags, false).map(({ code }) => code);

it('whatever nobody brought is named as the archive\'s own word: block, contracts, key of the log', () => {
  expect(codes(all)).toEqual([]);
  expect(codes({})).toEqual(['BLOCK_HASH', 'DEPLOYMENT', 'VKEY']);
  for (const [flag, code] of [['block-hash', 'BLOCK_HASH'], ['deployment', 'DEPLOYMENT'], ['vkey', 'VKEY']] as const) {
    const { [flag]: _left, ...others } = all;
    expect(codes(others)).toEqual([code]);
  }
});

it('a verification key that is not this program\'s is the archive\'s own word, unless keys were brought', () => {
  const folder = join(dir, 'circuits');
  cpSync(join(CIRCUITS_FOLDER, 'telemetry16', 'verification-key.json'), join(folder, 'telemetry16', 'verification-key.json'));
  expect(codes(all, { circuitsFolder: folder })).toEqual([]);
  const key = join(folder, 'telemetry16', 'verification-key.json');
  writeFileSync(key, `${readFileSync(key, 'utf8')} `);
  expect(codes(all, { circuitsFolder: folder })).toEqual(['CIRCUITS']);
  mkdirSync(join(folder, 'trapdoor'));
  expect(ownWords({ ...archive, circuitsFolder: folder }, all, false)[0]!.detail).toContain('telemetry16, trapdoor');
  expect(codes({ ...all, circuits: folder }, { circuitsFolder: folder })).toEqual([]);
});

it('an archive of another deployment than the one that was brought is refused, whatever is different', () => {
  expect(deploymentOf(archive, {}, layout)).toEqual(deployment);
  expect(deploymentOf(archive, all, layout)).toEqual(deployment);
  for (const change of [{ registryLagSeconds: 4 }, { checkpointAnchor: address(5) }, { firstBlock: 9 }, { chainId: 1 }]) {
    expect(() => deploymentOf({ deployment: { ...deployment, ...change } }, all, layout)).toThrow(new RegExp(`^ATS_CHAIN_WRONG.*${Object.keys(change)[0]}`));
  }
});
