import { execFile } from 'node:child_process';
import { X509Certificate, randomBytes } from 'node:crypto';
import { accessSync, chmodSync, constants, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { AtsError } from '#libs/errors';

export interface PrepareIcingaNodeParameters {
  /** Its state, certificates, passwords, generated configuration. A folder that was prepared before keeps them. */
  dir: string;
  /** Port of the API on 127.0.0.1. */
  port: number;
  /** The folder `icinga/` of this repository. */
  confDir: string;
}

/** How to start the node, and how to talk to it. */
export interface IcingaNode {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Root of the API; the certificate holds for 127.0.0.1 and localhost. */
  readonly url: string;
  readonly caFile: string;
  /** One line `user:password`, mode 0600: may submit and create, nothing more. */
  readonly sinkCredentialsFile: string;
  /** One line `user:password`, mode 0600: may only read. */
  readonly viewerCredentialsFile: string;
}

const NODE_NAME = 'localhost';
const CERTIFICATE_DAYS = 3650;
const RENEW_BEFORE_MS = 90 * 86_400_000;
const run = promisify(execFile);

/**
 * Everything that Icinga2 needs to run as this user with nothing outside `dir` and nothing of the system's own configuration: folders, a CA
 * and a certificate of its own, passwords, the file that defines the constants of `icinga/`. The caller starts it; see {@link IcingaNode}.
 * @throws AtsError ATS_PREREQUISITE_MISSING
 */
export async function prepareIcingaNode(parameters: PrepareIcingaNodeParameters): Promise<IcingaNode> {
  const dir = resolve(parameters.dir);
  const command = program('icinga2');
  for (const folder of ['data', 'log', 'cache', 'spool', 'run', 'secrets']) mkdirSync(join(dir, folder), { recursive: true, mode: 0o700 });
  // A pid file that a killed instance left behind would keep this one from starting.
  rmSync(join(dir, 'run/icinga2.pid'), { force: true });
  const caFile = await ensureCertificates(join(dir, 'data/certs'));
  const sink = ensureCredentials(join(dir, 'secrets/sink'), 'sink');
  const viewer = ensureCredentials(join(dir, 'secrets/viewer'), 'viewer');
  const configuration = join(dir, 'icinga2.conf');
  writePrivate(configuration, `${[
    '// Generated at every start; the objects are in the included file.',
    ...Object.entries({
      NodeName: NODE_NAME,
      ListenHost: '127.0.0.1',
      ListenPort: String(parameters.port),
      SinkPassword: sink.password,
      ViewerPassword: viewer.password,
    }).map(([name, value]) => `const ${name} = ${icingaString(value)}`),
    `include ${icingaString(join(resolve(parameters.confDir), 'icinga2.conf'))}`,
  ].join('\n')}\n`);
  return {
    command,
    args: [
      'daemon', '-c', configuration, '-x', 'warning',
      ...Object.entries({ DataDir: 'data', LogDir: 'log', CacheDir: 'cache', SpoolDir: 'spool', InitRunDir: 'run' })
        .flatMap(([name, folder]) => ['-D', `${name}=${join(dir, folder)}`]),
    ],
    // Without these it would drop to the system's own user, who cannot read `dir`.
    env: { ICINGA2_USER: await whoAmI('-un'), ICINGA2_GROUP: await whoAmI('-gn') },
    url: `https://127.0.0.1:${parameters.port}`,
    caFile,
    sinkCredentialsFile: sink.file,
    viewerCredentialsFile: viewer.file,
  };
}

function ensureCredentials(file: string, user: string): { file: string; password: string } {
  if (!existsSync(file)) writePrivate(file, `${user}:${randomBytes(24).toString('base64url')}\n`);
  chmodSync(file, 0o600);
  return { file, password: readFileSync(file, 'utf8').trim().slice(user.length + 1) };
}

/** The node's CA and certificate where Icinga2 looks for them; made when absent or about to expire. Returns the CA's file. */
async function ensureCertificates(folder: string): Promise<string> {
  const file = (name: string) => join(folder, name);
  const caFile = file('ca.crt');
  const certificateFile = file(`${NODE_NAME}.crt`);
  if (existsSync(caFile) && existsSync(certificateFile) && expires(certificateFile) > Date.now() + RENEW_BEFORE_MS) return caFile;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const openssl = (...args: string[]) => run(program('openssl'), args);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const days = ['-days', String(CERTIFICATE_DAYS)];
  await openssl('req', '-x509', ...key, '-keyout', file('ca.key'), '-out', caFile, ...days, '-subj', '/CN=Attestream Icinga2 CA',
    '-addext', 'keyUsage=critical,keyCertSign,cRLSign');
  await openssl('req', ...key, '-keyout', file(`${NODE_NAME}.key`), '-out', file('node.csr'), '-subj', `/CN=${NODE_NAME}`);
  writeFileSync(file('node.ext'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n');
  await openssl('x509', '-req', '-in', file('node.csr'), '-CA', caFile, '-CAkey', file('ca.key'), '-CAcreateserial', ...days,
    '-extfile', file('node.ext'), '-out', `${certificateFile}.new`);
  // Last, so that a half-made set is made again.
  renameSync(`${certificateFile}.new`, certificateFile);
  return caFile;
}

function expires(certificateFile: string): number {
  return Date.parse(new X509Certificate(readFileSync(certificateFile)).validTo);
}

function program(name: string): string {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  const path = folders.map((folder) => join(folder, name)).find(isExecutable);
  if (path === undefined) throw new AtsError('ATS_PREREQUISITE_MISSING', `${name} is not on this machine`);
  return path;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function whoAmI(flag: '-un' | '-gn'): Promise<string> {
  return (await run('id', [flag])).stdout.trim();
}

function icingaString(value: string): string {
  return `"${value.replaceAll(/[\\"]/g, String.raw`\$&`)}"`;
}

function writePrivate(file: string, content: string): void {
  writeFileSync(`${file}.new`, content, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
