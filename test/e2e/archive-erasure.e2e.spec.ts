import { createHash } from 'node:crypto';
import { cpSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadSealingPrivateKey, openReadings } from '#libs/edge';
import { openArchive } from '#libs/audit';
import { writeDeployment } from '#libs/chain';
import type { EventOf, KafkaRecord } from '#libs/events';
import { runAuditCommand } from '../../apps/cli/src/audit/commands.js';
import { ArchiveWorld, EPOCH_SECONDS } from '../support/archive-world.js';
import { until } from '../support/gate-until.js';
import { placeOf } from '../support/gate-world.js';

const READINGS = [...Array.from({ length: 12 }, (_, i) => 100 + i), 900, 901, 902, 903];
const PATIENCE_MS = 120_000;

let world: ArchiveWorld;
let archive: string;
let blockHash: string;
let sealingKey: Buffer;
/** Where the records went, in the order in which they were sent. */
let records: string[];

interface Outcome { status: number; said: string; error: string }

/** A command of the CLI, in this process. */
async function attestream(command: string, ...args: string[]): Promise<Outcome> {
  const said: string[] = [];
  const errors: string[] = [];
  const status = await runAuditCommand(command, args, {
    layout: () => world.layout, say: (line) => void said.push(line), signal: new AbortController().signal, fail: (error) => void errors.push(String(error)),
  });
  return { status, said: said.join('\n'), error: errors.join('\n') };
}

/** What an auditor of an archive brings from elsewhere. */
const brought = () => ['--block-hash', blockHash, '--deployment', world.deploymentFile, '--vkey', world.vkeyFile, '--circuits', world.circuits];
/** Flags that name the running parts. */
const running = async () => ['--log', await world.logUrl(), '--vkey', world.vkeyFile, '--rpc', world.anvil.url, '--deployment', world.deploymentFile];
const audit = (...args: string[]) => attestream('audit', '--json', join(world.dir, 'audit.json'), ...args);
const report = () => JSON.parse(readFileSync(join(world.dir, 'audit.json'), 'utf8')) as { ok: boolean; outcome: string; verdicts: Record<string, number>; entries: number; checkpoints: object[]; failures: { code: string; leaf: number | null; offset: number | null }[]; unchecked: { code: string }[] };

beforeAll(async () => {
  world = await ArchiveWorld.start();
  sealingKey = loadSealingPrivateKey(world.layout.household('home-1').keys);
  const epoch = Math.floor(Date.now() / 1000 / EPOCH_SECONDS);
  const first = await world.telemetry('home-1', epoch, READINGS);
  const unproven = await world.telemetry('home-2', epoch - 1, READINGS);
  unproven.record.value = Buffer.concat([unproven.record.value.subarray(0, -256), first.record.value.subarray(-256)]);
  const messages = [first, await world.telemetry('home-2', epoch, READINGS), await world.telemetry('home-1', epoch - 1, READINGS), unproven].map(({ record }) => record);
  const sent = await world.producer.send(messages);
  sent.push(...await world.producer.send([messages[0]!])); // a resend
  records = sent.map(placeOf);
  await until('every entry is anchored', async () => {
    const head = await world.anchored();
    return head !== undefined && (await leavesOf(records)).every((leaf) => leaf !== undefined && leaf < head.size);
  }, PATIENCE_MS);

  archive = join(world.dir, 'archive');
  const exported = await attestream('archive', archive, ...await running(), '--brokers', world.kafka.brokers, '--registry', world.registry.url, '--circuits', world.circuits);
  if (exported.status !== 0) throw new Error(`attestream archive: ${exported.error}`);
  blockHash = exported.said.split('\n').at(-1)!;
}, 400_000);

afterAll(async () => { await world?.stop(); }, PATIENCE_MS);

/** Leaves of records, as audit-log has them. */
async function leavesOf(wanted: readonly string[]): Promise<(number | undefined)[]> {
  const leaves = new Map<string, number>();
  for await (const { value } of world.reader.readAll('audit-log', 0, 0n)) leaves.set(placeOf(world.codec.decode('audit-log', value)), leaves.size);
  return wanted.map((place) => leaves.get(place));
}

/** The records of an archive that a household has sealed something in. */
async function archived(): Promise<{ record: KafkaRecord; event: EventOf<'telemetry'> }[]> {
  const { records: source } = await openArchive(archive);
  const found = new Map<string, { record: KafkaRecord; event: EventOf<'telemetry'> }>();
  for (let partition = 0; partition < 4; partition++) {
    const { from, to } = await source.bounds('telemetry', partition);
    for await (const record of source.read('telemetry', partition, from, to)) found.set(placeOf(record), { record, event: world.codec.decode('telemetry', record.value) });
  }
  return records.map((place) => found.get(place)!);
}

/** A copy of the archive in which a file is changed, as somebody does who can also write sums. */
function tampered(name: string, file: RegExp, change: (bytes: Buffer) => void, { sums = true } = {}): string {
  const copy = join(world.dir, name);
  cpSync(archive, copy, { recursive: true });
  const path = readdirSync(copy, { recursive: true, encoding: 'utf8' }).find((one) => file.test(one) && statSync(join(copy, one)).isFile())!;
  const bytes = readFileSync(join(copy, path));
  change(bytes);
  writeFileSync(join(copy, path), bytes);
  if (sums) {
    const list = readFileSync(join(copy, 'SHA256SUMS'), 'utf8');
    writeFileSync(join(copy, 'SHA256SUMS'), list.replace(new RegExp(`^[0-9a-f]{64}(?=  ${path}$)`, 'm'), createHash('sha256').update(bytes).digest('hex')));
  }
  return copy;
}

it('while everything runs, everything holds, and an event is proven against the chain', async () => {
  const places = await running();
  expect(await audit(...places, '--brokers', world.kafka.brokers, '--registry', world.registry.url, '--circuits', world.circuits)).toMatchObject({ status: 0, error: '' });
  expect(report()).toMatchObject({ ok: true, unchecked: [], verdicts: { VERIFIED: 3, PROOF_INVALID: 1, NULLIFIER_SEEN: 1 } });
  const file = join(world.dir, 'running.tlog-proof');
  expect(await attestream('prove', records[0]!, ...places, '--out', file)).toMatchObject({ status: 0, said: expect.stringContaining('it leads to the head of size') });
  // the log itself is not needed: the file leads to a head that the chain has
  const withoutLog = ['--vkey', world.vkeyFile, '--rpc', world.anvil.url, '--deployment', world.deploymentFile];
  expect(await attestream('verify', file, ...withoutLog)).toMatchObject({ status: 0, error: '', said: expect.stringMatching(/covers it, anchored in block \d+, transaction 0x/) });
}, PATIENCE_MS);

describe('with no service running', () => {
  let codes: (number | null)[];
  beforeAll(async () => { codes = await world.stopAll(); }, PATIENCE_MS);

  it('indexer, gate and anchor have ended by themselves when told to, while the chain went on', () => {
    expect(codes).toEqual([0, 0, 0]);
  });

  it('from the archive alone everything holds', async () => {
    const { status, said, error } = await audit('--archive', archive, ...brought(), '--html', join(world.dir, 'audit.html'));
    expect({ status, error, said }).toMatchObject({ status: 0, error: '', said: expect.stringMatching(/^Everything holds: all /) });
    expect(report()).toMatchObject({ ok: true, failures: [], unchecked: [], verdicts: { VERIFIED: 3, PROOF_INVALID: 1, NULLIFIER_SEEN: 1 } });
    expect(report().checkpoints.length).toBeGreaterThan(0);
    expect(readFileSync(join(world.dir, 'audit.html'), 'utf8')).toContain('Everything holds');
  });

  it('a destroyed key makes what was sealed unreadable, and the audit stays green', async () => {
    const [sealed, other] = (await archived()).map(({ event }) => event);
    expect((await openReadings(sealed!, loadSealingPrivateKey(world.layout.household('home-1').keys))).readings).toEqual(READINGS);

    expect(await attestream('erase', 'home-1')).toMatchObject({ status: 0, error: '' });
    expect(existsSync(world.layout.household('home-1').keys)).toBe(false);
    // the key is nowhere below the folders that the run has left, in no spelling that its files had
    for (const file of readdirSync(world.dir, { recursive: true, encoding: 'utf8' }).map((one) => join(world.dir, one)).filter((one) => statSync(one).isFile())) {
      const bytes = readFileSync(file);
      expect([file, bytes.includes(sealingKey), bytes.includes(sealingKey.toString('hex'))]).toEqual([file, false, false]);
    }
    const rest = loadSealingPrivateKey(world.layout.household('home-2').keys);
    await expect(openReadings(sealed!, rest)).rejects.toMatchObject({ code: 'ATS_SEALED_UNREADABLE' });
    expect((await openReadings(other!, rest)).readings).toEqual(READINGS); // another household's stay readable

    expect((await audit('--archive', archive, ...brought())).status).toBe(0);
    expect(report()).toMatchObject({ ok: true, verdicts: { VERIFIED: 3, PROOF_INVALID: 1, NULLIFIER_SEEN: 1 } });
  });

  it('an event is proven from the archive by a file that holds with the key alone, and with the chain', async () => {
    const file = join(world.dir, 'event.tlog-proof');
    expect(await attestream('prove', records[0]!, '--archive', archive, '--out', file)).toMatchObject({ status: 0, error: '' });
    const alone = await attestream('verify', file, '--vkey', world.vkeyFile, '--offline');
    expect(alone).toMatchObject({ status: 0, said: expect.stringContaining(`the entry says: ${records[0]}`) });
    expect((await attestream('verify', file, '--vkey', world.vkeyFile, '--archive', archive, '--block-hash', blockHash, '--deployment', world.deploymentFile))).toMatchObject({ status: 0, said: expect.stringMatching(/covers it, anchored in block \d+, transaction 0x[0-9a-f]{64}$/) });
    expect(await attestream('verify', file, '--vkey', world.vkeyFile, '--archive', archive)).toMatchObject({ status: 2, said: expect.stringContaining('bring --block-hash and --deployment') });
    expect(await attestream('verify', file, '--vkey', world.vkeyFile, '--archive', archive, '--block-hash', blockHash)).toMatchObject({ status: 2, said: expect.stringMatching(/bring --deployment$/) });
    const foreign = join(world.dir, 'foreign-deployment.json');
    writeDeployment(foreign, { ...world.deployment, checkpointAnchor: world.deployment.deviceRegistry });
    for (const command of [['verify', file, '--vkey', world.vkeyFile], ['prove', records[0]!, '--out', join(world.dir, 'foreign.tlog-proof')], ['audit', '--json', join(world.dir, 'audit.json')]]) {
      expect(await attestream(command[0]!, ...command.slice(1), '--archive', archive, '--block-hash', blockHash, '--deployment', foreign)).toMatchObject({ status: 2, error: expect.stringMatching(/ATS_CHAIN_WRONG.*checkpointAnchor/) });
    }

    const other = readFileSync(file, 'latin1').replace(/^index (\d+)$/m, (_, index) => `index ${Number(index) + 1}`);
    writeFileSync(file, other, 'latin1');
    expect(await attestream('verify', file, '--vkey', world.vkeyFile, '--offline')).toMatchObject({ status: 1, error: expect.stringContaining('ATS_TLOG_PROOF_FAILED') });
    expect(await attestream('prove', 'telemetry/0/999', '--archive', archive, '--out', file)).toMatchObject({ status: 2, error: expect.stringContaining('ATS_EVENT_NOT_LOGGED') });
  });

  it('what nobody brought is the archive\'s own word, and what it leaves out of itself is named: not everything is checked', async () => {
    expect((await audit('--archive', archive, '--topic', 'chain-events')).status).toBe(2);
    expect(report()).toMatchObject({ ok: false, outcome: 'unchecked', failures: [] });
    expect(report().unchecked.map(({ code }) => code)).toEqual(['RANGE', 'BLOCK_HASH', 'DEPLOYMENT', 'VKEY', 'CIRCUITS']);

    // whoever wrote the archive may say that it covers less than the log has
    const { range: { to } } = JSON.parse(readFileSync(join(archive, 'manifest.json'), 'utf8')) as { range: { to: number } };
    const less = tampered('less', /^manifest\.json$/, (bytes) => { bytes.write(bytes.toString().replace(`"to": ${to}\n`, `"to": ${`${to - 1}`.padStart(`${to}`.length)}\n`)); });
    expect((await audit('--archive', less, ...brought())).status).toBe(2);
    expect(report()).toMatchObject({ ok: false, outcome: 'unchecked', failures: [], unchecked: [{ code: 'RANGE' }] });
  });

  it('a changed archive is refused, each kind by its code, and the report says so', async () => {
    const anything = tampered('damaged', /^records\/telemetry\/.*\.records$/, (bytes) => { bytes[60]! ^= 1; }, { sums: false });
    expect(await audit('--archive', anything, '--block-hash', blockHash)).toMatchObject({ status: 2, error: expect.stringContaining('ATS_ARCHIVE_DAMAGED') });
    expect(report()).toMatchObject({ ok: false, outcome: 'unchecked', unchecked: [{ code: 'ATS_ARCHIVE_DAMAGED' }] });

    const headers = tampered('headers', /^chain\/headers\.rlp$/, (bytes) => { bytes[40]! ^= 1; });
    expect(await audit('--archive', headers, '--block-hash', blockHash)).toMatchObject({ status: 2, error: expect.stringContaining('ATS_ARCHIVE_CHAIN_INVALID') });
    expect(await audit('--archive', archive, '--block-hash', `0x${'12'.repeat(32)}`)).toMatchObject({ status: 2, error: expect.stringContaining('ATS_ARCHIVE_UNANCHORED') });
    expect(await audit('--archive', world.logDir, '--block-hash', blockHash)).toMatchObject({ status: 2, error: expect.stringContaining('ATS_ARCHIVE_INVALID') });
  });

  it('records and entries that were changed with their sums are violations, named by record', async () => {
    const [first] = await archived();
    const { partition, offset } = first!.record;
    const record = tampered('record', new RegExp(`^records/telemetry/${partition}/`), (bytes) => { bytes[bytes.length - 300]! ^= 1; });
    expect((await audit('--archive', record, '--block-hash', blockHash)).status).toBe(1);
    expect(report().failures.map(({ code }) => code)).toContain('ENTRY_HASH');
    expect(offset).toBeGreaterThanOrEqual(0n);

    const entries = tampered('entries', /^log\/tile\/entries\//, (bytes) => { bytes[bytes.length - 40]! ^= 1; });
    expect((await audit('--archive', entries, '--block-hash', blockHash, '--topic', 'chain-events')).status).toBe(1);
    expect(report().ok).toBe(false);
  });
});
