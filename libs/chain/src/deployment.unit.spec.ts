import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getAddress } from 'ethers';
import { isAtsError } from '#libs/errors';
import { deployment } from '../test/made-up-chain.js';
import { readDeployment, writeDeployment } from './deployment.js';

let dir: string;
let file: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'attestream-deployment-'));
  file = join(dir, 'deployment.json');
});
afterAll(() => rmSync(dir, { recursive: true }));

const failureOf = (content: unknown): string => {
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  try {
    readDeployment(file);
  } catch (error) {
    if (isAtsError(error)) return error.message;
    throw error;
  }
  return 'none';
};

it('a deployment is read as it was written', () => {
  const checksummed = { ...deployment, policyRegistry: getAddress(deployment.policyRegistry.toLowerCase()), checkpointAnchor: getAddress(deployment.checkpointAnchor.toLowerCase()) };
  writeDeployment(file, deployment);
  expect(readDeployment(file)).toEqual(checksummed);
  writeDeployment(file, checksummed);
  expect(readDeployment(file)).toEqual(checksummed);
});

it('a deployment of before the log says so', () => {
  const { checkpointAnchor: _, ...before } = deployment;
  expect(failureOf(before)).toMatch(/^ATS_DEPLOYMENT_INVALID: .*checkpointAnchor: is missing: .*deploy again/);
});

it.each([
  ['no JSON', '{'],
  ['another document', []],
  ['an address that is none', { ...deployment, checkpointAnchor: '0x12' }],
  ['a number for an address', { ...deployment, checkpointAnchor: 7 }],
  ['a field that nobody knows', { ...deployment, more: 1 }],
])('%s is ATS_DEPLOYMENT_INVALID, in one line', (_, content) => {
  expect(failureOf(content)).toMatch(/^ATS_DEPLOYMENT_INVALID: [^\n]*$/);
});
