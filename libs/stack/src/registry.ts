import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startPart, type Part } from './part.js';
import { resolveTools } from './tools.js';

export interface StartRegistryParameters {
  /** Its database and log. A folder that holds data is continued. */
  dir: string;
  port: number;
  managementPort: number;
  signal?: AbortSignal;
}

export interface RegistryPart extends Part {
  /** Root of the Confluent API. */
  readonly url: string;
}

/** Apicurio on 127.0.0.1 with its schemas in an H2 file, so that ids survive a restart. */
export async function startRegistry({ dir, port, managementPort, signal }: StartRegistryParameters): Promise<RegistryPart> {
  const { java, registryFolder } = await resolveTools();
  mkdirSync(dir, { recursive: true });
  const url = `http://127.0.0.1:${port}/apis/ccompat/v7`;
  const settings = {
    'quarkus.http.host': '127.0.0.1',
    'quarkus.http.port': port,
    'quarkus.management.host': '127.0.0.1',
    'quarkus.management.port': managementPort,
    'apicurio.storage.kind': 'sql',
    'apicurio.storage.sql.kind': 'h2',
    'apicurio.datasource.url': `jdbc:h2:file:${join(dir, 'db')}`,
    'apicurio.datasource.jdbc.initial-size': 2,
    'apicurio.datasource.jdbc.min-size': 2,
    'apicurio.datasource.jdbc.max-size': 10,
  };
  const part = await startPart({
    name: 'registry',
    program: java,
    args: [
      '-Xms64m', '-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1',
      ...Object.entries(settings).map(([key, value]) => `-D${key}=${value}`),
      '-jar', join(registryFolder, 'quarkus-run.jar'),
    ],
    cwd: dir,
    logFile: join(dir, 'registry.log'),
    ready: () => responds(`${url}/subjects`),
    startSeconds: 180,
    ...(signal && { signal }),
  });
  return { ...part, url };
}

async function responds(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false; // not listening yet: asked again
  }
}
