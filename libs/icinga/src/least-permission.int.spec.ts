import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts, repositoryRoot, startIcinga } from '#libs/stack';
import { IcingaClient, ObjectRegistry, readCredentials } from './index.js';

const dir = mkdtempSync(join(tmpdir(), 'icinga-permissions-'));
const confDir = join(dir, 'conf');
afterAll(() => rmSync(dir, { recursive: true }));

/** All that the sink ever asks for. */
async function work(client: IcingaClient, host: string): Promise<string> {
  await client.status();
  const objects = new ObjectRegistry(client);
  await objects.load();
  return await objects.submit(host, 'load', { state: 0, output: 'x', performanceData: [], freshUntil: Date.now() + 60_000 });
}

async function withSinkPermissions(edit: (conf: string) => string, run: (client: IcingaClient) => Promise<void>): Promise<void> {
  cpSync(join(repositoryRoot, 'icinga'), confDir, { recursive: true });
  const file = join(confDir, 'api.conf');
  const conf = readFileSync(file, 'utf8');
  const edited = conf.replace(/object ApiUser "sink" \{[^]*?^\}/m, edit);
  writeFileSync(file, edited);
  const [port] = (await freePorts(1)) as [number];
  const node = await startIcinga({ dir: join(dir, 'node'), port, confDir });
  const client = new IcingaClient({ url: node.url, ca: readFileSync(node.caFile, 'utf8'), credentials: readCredentials(node.sinkCredentialsFile) });
  try {
    await run(client);
  } finally {
    await client.close();
    await node.stop();
  }
}

it('the sink can do its work', async () => {
  await withSinkPermissions((conf) => conf, async (client) => expect(await work(client, '0'.repeat(64))).toBe('accepted'));
}, 30_000);

it.each([
  ['status/query', /^ +"status\/query",\n/m],
  ['objects/query/host', /^ +"objects\/query\/host",\n/m],
  ['objects/query/service', /^ +"objects\/query\/service",\n/m],
  ['objects/create/host', /^ +"objects\/create\/host",\n/m],
  ['objects/create/service', /^ +"objects\/create\/service",\n/m],
  ['actions/process-check-result', /^ +\{\n.*process-check-result[^]*?^ +\}\n/m],
])('without %s it can not', async (permission, pattern) => {
  await withSinkPermissions((conf) => {
    const less = conf.replace(pattern, '');
    expect(less).not.toBe(conf);
    return less;
  }, async (client) => {
    // A household of its own: what exists already needs no right to create.
    await expect(work(client, Buffer.from(permission).toString('hex').slice(0, 64))).rejects.toMatchObject({ code: 'ATS_ICINGA_REFUSED' });
  });
}, 30_000);
