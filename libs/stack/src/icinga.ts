import { readFileSync } from 'node:fs';
import { get } from 'node:https';
import { join } from 'node:path';
import { prepareIcingaNode, type IcingaNode } from '#libs/icinga';
import { startPart, type Part } from './part.js';
import { repositoryRoot } from './tools.js';

export interface StartIcingaParameters {
  /** Its state, certificates, passwords, generated configuration and log. A folder that holds a state is continued. */
  dir: string;
  port: number;
  /** The objects' configuration; default: `icinga/` of this repository. */
  confDir?: string;
  signal?: AbortSignal;
}

export interface IcingaPart extends Part, Pick<IcingaNode, 'url' | 'caFile' | 'sinkCredentialsFile' | 'viewerCredentialsFile'> {}

/** Icinga2 on 127.0.0.1 as the user that runs us, with nothing outside `dir`. */
export async function startIcinga({ dir, port, confDir = join(repositoryRoot, 'icinga'), signal }: StartIcingaParameters): Promise<IcingaPart> {
  const { command, args, env, ...node } = await prepareIcingaNode({ dir, port, confDir });
  const part = await startPart({
    name: 'icinga2',
    program: command,
    args,
    env: { ...env },
    cwd: dir,
    logFile: join(dir, 'icinga2.log'),
    ready: () => apiAnswers(port, node.caFile),
    ...(signal && { signal }),
  });
  return { ...part, ...node };
}

/** The API refuses a stranger with 401 as soon as it listens. */
function apiAnswers(port: number, caFile: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get({ host: '127.0.0.1', port, path: '/v1', ca: readFileSync(caFile), timeout: 2_000, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 401);
    });
    request.once('timeout', () => request.destroy());
    request.once('error', () => resolve(false));
  });
}
