import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startPart, type Part } from './part.js';
import { systemProgram } from './tools.js';

export interface StartIcingaParameters {
  /** Its state, certificates, generated configuration and log. A folder that holds a state is continued. */
  dir: string;
  port: number;
  /** A folder whose `*.conf` files are included: templates, apply rules, ApiUsers. */
  configDir: string;
  /** Constants that those files read, passwords among them: written to a file of mode 0600. */
  constants?: Record<string, string>;
  signal?: AbortSignal;
}

export interface IcingaPart extends Part {
  readonly url: string;
  /** The CA that signed its certificate. */
  readonly caFile: string;
}

/**
 * Icinga2 on 127.0.0.1 as the user that runs us, with nothing outside `dir`: no feature of the system's own configuration is read.
 * Its API speaks TLS with a certificate for 127.0.0.1 and localhost from a CA made once in `dir`.
 */
export async function startIcinga({ dir, port, configDir, constants = {}, signal }: StartIcingaParameters): Promise<IcingaPart> {
  const program = systemProgram('icinga2');
  const caFile = await ensureCertificates(join(dir, 'data/certs'));
  for (const folder of ['data', 'log', 'cache', 'spool', 'run']) mkdirSync(join(dir, folder), { recursive: true, mode: 0o700 });
  // A pid file that a killed instance left behind would keep this one from starting.
  rmSync(join(dir, 'run/icinga2.pid'), { force: true });
  const configuration = join(dir, 'icinga2.conf');
  writeFileSync(configuration, mainConfiguration({ port, configDir, constants }), { mode: 0o600 });
  const whoami = (flag: string) => execFileSync('id', [flag], { encoding: 'utf8' }).trim();
  const part = await startPart({
    name: 'icinga2',
    program,
    args: [
      'daemon', '-c', configuration,
      '-D', `DataDir=${join(dir, 'data')}`, '-D', `LogDir=${join(dir, 'log')}`, '-D', `CacheDir=${join(dir, 'cache')}`,
      '-D', `SpoolDir=${join(dir, 'spool')}`, '-D', `InitRunDir=${join(dir, 'run')}`, '-D', `ConfigDir=${dir}`,
    ],
    cwd: dir,
    env: { ICINGA2_USER: whoami('-un'), ICINGA2_GROUP: whoami('-gn') },
    logFile: join(dir, 'icinga2.log'),
    ready: () => apiAnswers(port, caFile),
    ...(signal && { signal }),
  });
  return { ...part, url: `https://127.0.0.1:${port}`, caFile };
}

const NODE_NAME = 'attestream';

function mainConfiguration({ port, configDir, constants }: { port: number; configDir: string; constants: Record<string, string> }): string {
  const text = (value: string) => `"${value.replaceAll(/[\\"]/g, String.raw`\$&`).replaceAll('\n', String.raw`\n`)}"`;
  return `${[
    '// Written at every start. The objects are in the included folder.',
    `const NodeName = ${text(NODE_NAME)}`,
    `const ZoneName = ${text(NODE_NAME)}`,
    'const PluginDir = "/usr/lib/nagios/plugins"',
    ...Object.entries(constants).map(([name, value]) => `const ${name} = ${text(value)}`),
    'include <itl>',
    'object Endpoint NodeName { }',
    'object Zone ZoneName { endpoints = [ NodeName ] }',
    `object ApiListener "api" {\n  bind_host = "127.0.0.1"\n  bind_port = ${port}\n  accept_config = false\n  accept_commands = false\n}`,
    'object CheckerComponent "checker" { }',
    `include_recursive ${text(configDir)}`,
  ].join('\n')}\n`;
}

/** A CA and the node's certificate where Icinga2 looks for them. Made once: they live as long as the data. Returns the CA's file. */
async function ensureCertificates(folder: string): Promise<string> {
  const file = (name: string) => join(folder, name);
  const caFile = file('ca.crt');
  if (existsSync(file(`${NODE_NAME}.crt`))) return caFile;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const openssl = (...args: string[]) => promisify(execFile)(systemProgram('openssl'), args);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  await openssl('req', '-x509', ...key, '-keyout', file('ca.key'), '-out', caFile, '-days', '3650', '-subj', '/CN=Attestream Icinga2 CA',
    '-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign,cRLSign');
  await openssl('req', ...key, '-keyout', file(`${NODE_NAME}.key`), '-out', file('node.csr'), '-subj', `/CN=${NODE_NAME}`);
  writeFileSync(file('node.ext'), `subjectAltName=DNS:${NODE_NAME},DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n`);
  await openssl('x509', '-req', '-in', file('node.csr'), '-CA', caFile, '-CAkey', file('ca.key'), '-CAcreateserial', '-days', '3650',
    '-extfile', file('node.ext'), '-out', file(`${NODE_NAME}.crt`));
  return caFile;
}

/** The API refuses a stranger with 401 as soon as it listens. */
function apiAnswers(port: number, caFile: string): Promise<boolean> {
  return new Promise((resolve) => {
    get({ host: '127.0.0.1', port, path: '/v1', ca: readFileSync(caFile), timeout: 2_000, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 401);
    })
      .once('timeout', function (this: { destroy(): void }) { this.destroy(); })
      .once('error', () => resolve(false));
  });
}
