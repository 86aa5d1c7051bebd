import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { writeDeployment, type Deployment } from '#libs/chain';
import { EventCodec, TOPIC_NAMES, type TopicName } from '#libs/events';
import { CompactTree, encodeEntryBundle, entriesPath, formatCheckpoint, generateLogKey, leafHash, leafTile, noteSigner, signNote, tilePath } from '#libs/log';
import { layoutOf } from '../layout.js';
import { AUDIT_USAGE, isAuditCommand, runAuditCommand } from './commands.js';
import { Progress } from './progress.js';

const ORIGIN = 'example.com/log';
const { privateKey, vkey } = generateLogKey(ORIGIN);
const codec = EventCodec.fromIds(Object.fromEntries(TOPIC_NAMES.map((topic) => [topic, 7])) as Record<TopicName, number>);
const entry = (offset: number) => codec.encode('audit-log', { topic: 'telemetry', partition: 1, offset, timestamp: 1_700_000_000_000, hash: Buffer.alloc(32, 1), verdict: 'MALFORMED', parameterVersion: 0, registryBlock: null });
const ENTRIES = [0, 1, 2, 5].map(entry);
const deployment: Deployment = {
  chainId: 31_337, operator: `0x${'00'.repeat(20)}`, deviceRegistry: `0x${'01'.repeat(20)}`, policyRegistry: `0x${'02'.repeat(20)}`, checkpointAnchor: `0x${'03'.repeat(20)}`, firstBlock: 1, registryLagSeconds: 4,
};

const dir = mkdtempSync(join(tmpdir(), 'attestream-commands-'));
const layout = layoutOf({ home: join(dir, 'home'), portBase: 20_000, households: 1 });
const file = (name: string, content: string | Buffer): string => {
  mkdirSync(dirname(join(dir, name)), { recursive: true });
  writeFileSync(join(dir, name), content);
  return join(dir, name);
};
const keyFile = file('log.vkey', `${vkey}\n`);
const deploymentFile = join(dir, 'deployment.json');
writeDeployment(deploymentFile, deployment);
const LOG = servedLog('log');
afterAll(() => rmSync(dir, { recursive: true }));

function note(origin = ORIGIN, key = privateKey): Buffer {
  const tree = new CompactTree();
  for (const one of ENTRIES) tree.append(leafHash(one));
  return signNote(formatCheckpoint({ origin, size: ENTRIES.length, root: tree.root() }), [noteSigner(key)]);
}

/** The served folder of a small log. */
function servedLog(name: string, checkpoint = note()): string {
  file(`${name}/${tilePath(0, 0, ENTRIES.length)}`, leafTile(ENTRIES));
  file(`${name}/${entriesPath(0, ENTRIES.length)}`, encodeEntryBundle(ENTRIES));
  return dirname(file(`${name}/checkpoint`, checkpoint));
}

async function attestream(...[command, ...args]: [string, ...string[]]): Promise<{ status: number; said: string; error: string }> {
  const said: string[] = [];
  const errors: string[] = [];
  const status = await runAuditCommand(command, args, { layout: () => layout, say: (line) => void said.push(line), signal: new AbortController().signal, fail: (error) => void errors.push((error as Error).message) });
  return { status, said: said.join('\n'), error: errors.join('\n') };
}

/** How a refusal looks: one line with a code. */
const refusal = (status: number, code: string) => ({ status, error: expect.stringMatching(new RegExp(`^${code}: [^\\n]+$`)) as string });

const places = (log = LOG) => ['--log', log, '--vkey', keyFile, '--deployment', deploymentFile];
const report = () => JSON.parse(readFileSync(layout.auditFile, 'utf8')) as { ok: boolean; outcome: string; failures: { code: string }[]; unchecked: { code: string }[]; entries: number; checks: { id: string; ok: boolean }[] };

it('every command is listed and has its help, which runs nothing', async () => {
  for (const name of ['audit', 'archive', 'prove', 'verify', 'erase']) {
    expect([isAuditCommand(name), AUDIT_USAGE.includes(`  ${name}`)]).toEqual([true, true]);
    expect(await attestream(name, '--help')).toMatchObject({ status: 0, said: expect.stringContaining(`usage: attestream ${name}`), error: '' });
  }
  expect([isAuditCommand('run'), isAuditCommand(undefined), isAuditCommand('toString')]).toEqual([false, false, false]);
  expect(existsSync(layout.home)).toBe(false);
});

it.each<[string, [string, ...string[]]]>([
  ['an unknown flag', ['audit', '--no-such']], ['an argument too many', ['audit', 'x']], ['an argument too few', ['prove']], ['a flag without its value', ['audit', '--json']],
  ['an entry that is no number', ['audit', '--from', '-1']], ['a topic that is none', ['audit', '--topic', 'emails2']], ['a verifier that is none', ['audit', '--verifier', 'trust']],
  ['a record that is none', ['prove', 'telemetry/x']], ['a hash that is none', ['audit', '--archive', 'x', '--block-hash', '0x12']], ['a block hash without an archive', ['audit', '--block-hash', 'ab'.repeat(32), ...places()]],
  ['a file that is not there', ['verify', '/nowhere.tlog-proof']], ['a key that is not there', ['audit', '--log', LOG, '--vkey', '/nowhere']], ['no log at all', ['audit', '--vkey', keyFile, '--deployment', deploymentFile]],
])('%s: one line, and exit status 2', async (_, args) => {
  expect(await attestream(...args)).toMatchObject(refusal(2, 'ATS_CONFIG_INVALID'));
});

it('the log alone: nothing wrong is found, what is missing is named, and that is not "holds"', async () => {
  const html = join(dir, 'log-alone.html');
  const outcome = await attestream('audit', ...places(), '--offline', '--html', html);
  expect(outcome).toMatchObject({ status: 2, error: '', said: expect.stringMatching(/^Nothing wrong was found in all 4 entries, but 3 things could not be checked\./) });
  expect(report()).toMatchObject({ ok: false, outcome: 'unchecked', failures: [], entries: 4 });
  expect(report().unchecked.map(({ code }) => code).toSorted()).toEqual(['CHAIN', 'RECORDS', 'VERDICTS']);
  expect(readFileSync(html, 'utf8')).toContain('could not be checked');
});

it.each<[string, string]>([
  ['of another log', servedLog('foreign', note('example.com/other', generateLogKey('example.com/other').privateKey))],
  ['signed with another key', servedLog('other-key', note(ORIGIN, generateLogKey(ORIGIN).privateKey))],
  ['that is half written', servedLog('half', note().subarray(0, 70))],
])('a checkpoint %s is a violation', async (_, log) => {
  expect((await attestream('audit', ...places(log), '--offline')).status).toBe(1);
  expect(report()).toMatchObject({ ok: false, outcome: 'violated', failures: [{ code: 'CHECKPOINT_INVALID' }] });
});

it('a report is left, and says so, also when the audit could not begin', async () => {
  rmSync(layout.home, { recursive: true, force: true });
  expect(await attestream('audit', ...places(join(dir, 'nowhere')))).toMatchObject(refusal(2, 'ATS_TILE_MISSING'));
  expect(report()).toMatchObject({ ok: false, outcome: 'unchecked', unchecked: [{ code: 'ATS_TILE_MISSING' }], checks: [{ id: 'audited', ok: false }] });
});

describe('a node that was named', () => {
  let server: Server | undefined;
  afterEach(async () => { await new Promise((resolve) => { if (server) server.close(resolve); else resolve(undefined); }); });
  async function answering(body: string): Promise<string> {
    server = createServer((_, response) => void response.end(body)).listen(0, '127.0.0.1');
    await new Promise((resolve) => { server!.once('listening', resolve); });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  it('and answers garbage is not the log\'s fault: could not check', async () => {
    const rpc = await answering('<html>');
    expect((await attestream('audit', ...places(), '--rpc', rpc)).status).toBe(2);
    expect(report()).toMatchObject({ outcome: 'unchecked', unchecked: [{ code: 'ATS_CHAIN_RPC_INVALID' }] });
  });

  it('and is away, when a proof is to be verified: could not check, but what the file shows is told', async () => {
    const proof = join(dir, 'away.tlog-proof');
    expect((await attestream('prove', 'telemetry/1/5', ...places(), '--offline', '--out', proof)).status).toBe(0);
    const outcome = await attestream('verify', proof, ...places(), '--rpc', 'http://127.0.0.1:9');
    expect(outcome).toMatchObject({ status: 2, said: expect.stringContaining('holds: entry 3 of 4'), error: expect.stringMatching(/^ATS_CHAIN_UNREACHABLE: /) });
  });
});

it('a proof is written, verified and refused by its exit status', async () => {
  const proof = join(dir, 'event.tlog-proof');
  expect(await attestream('prove', 'telemetry/1/2', ...places(), '--offline', '--out', proof)).toMatchObject({ status: 0, error: '' });
  expect(await attestream('verify', proof, '--vkey', keyFile, '--offline')).toMatchObject({ status: 0, error: '', said: expect.stringContaining('telemetry/1/2') });
  const policy = file('policy', `log ${vkey}\nquorum none\n`);
  expect((await attestream('verify', proof, '--policy', policy, '--offline')).status).toBe(0);
  expect(await attestream('verify', proof, '--vkey', file('foreign.vkey', generateLogKey(ORIGIN).vkey), '--offline')).toMatchObject(refusal(1, 'ATS_NOTE_UNVERIFIED'));
  expect(await attestream('verify', proof, '--policy', file('no-policy', 'believe everything\n'), '--offline')).toMatchObject(refusal(2, 'ATS_POLICY_INVALID'));
  expect(await attestream('verify', proof, '--vkey', file('no.vkey', 'nothing'), '--offline')).toMatchObject(refusal(2, 'ATS_NOTE_KEY_INVALID'));
  expect(await attestream('verify', file('half.tlog-proof', readFileSync(proof).subarray(0, 60)), '--vkey', keyFile, '--offline')).toMatchObject(refusal(1, 'ATS_TLOG_PROOF_MALFORMED'));
  expect(await attestream('prove', 'telemetry/1/3', ...places(), '--offline', '--out', proof)).toMatchObject(refusal(2, 'ATS_EVENT_NOT_LOGGED'));
});

it('what make run has written down is used without a flag, and done without when it is stopped', async () => {
  mkdirSync(layout.home, { recursive: true });
  servedLog('home/log/public');
  writeDeployment(layout.deploymentFile, deployment);
  const closed = 'http://127.0.0.1:9';
  writeFileSync(layout.endpointsFile, JSON.stringify({ kafka: { brokers: '127.0.0.1:9' }, registry: { url: closed }, chain: { rpcUrl: closed }, log: { url: `${closed}/log/`, vkeyFile: keyFile, directory: join(layout.home, 'log') } }));
  expect(await attestream('audit')).toMatchObject({ status: 2, error: '', said: expect.stringContaining('none: no broker answers at 127.0.0.1:9') });
  expect(report()).toMatchObject({ outcome: 'unchecked', entries: 4, failures: [] });
  writeFileSync(layout.endpointsFile, '{');
  expect(await attestream('audit')).toMatchObject(refusal(2, 'ATS_CONFIG_INVALID'));
});

describe('progress', () => {
  function shown(isTTY: boolean, steps: readonly [seconds: number, done: number][]): string {
    let clock = 0;
    let text = '';
    const progress = new Progress({ isTTY, columns: 70, write: (more: string) => { text += more; } }, () => clock);
    for (const [seconds, done] of steps) {
      clock = seconds * 1000;
      progress.show('entries', done, 1000);
    }
    progress.end();
    return text;
  }

  it('is a bar on a terminal that says what is left and goes away', () => {
    const text = shown(true, [[0, 0], [10, 250], [40, 1000]]);
    expect(text).toContain('25 % of 1,000, 30 s left');
    expect(text.endsWith('\r\u001b[2K')).toBe(true);
    for (const line of text.split('\r')) expect(line.length).toBeLessThan(70 + 5);
  });

  it('is a plain line now and then elsewhere, and none for what is short', () => {
    expect(shown(false, [[0, 0], [5, 400], [9, 1000]])).toBe('');
    expect(shown(false, [[0, 0], [10, 250], [11, 300], [20, 500]])).toBe('entries: 25 % of 1,000, 30 s left\nentries: 50 % of 1,000, 20 s left\n');
  });
});
