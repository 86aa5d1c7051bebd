import { readFileSync } from 'node:fs';
import { Agent, request } from 'undici';
import { readCredentials } from '#libs/icinga';
import type { IcingaPart } from '#libs/stack';

/** How many passive results Icinga2 has processed in the last 15 minutes, as it counts itself (its CIB component). */
export async function passiveResults({ url, caFile, viewerCredentialsFile }: Pick<IcingaPart, 'url' | 'caFile' | 'viewerCredentialsFile'>): Promise<number> {
  const { user, password } = readCredentials(viewerCredentialsFile);
  const dispatcher = new Agent({ connect: { ca: readFileSync(caFile) } });
  try {
    const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
    const { body } = await request(`${url}/v1/status/CIB`, { dispatcher, headers: { authorization } });
    const { results } = (await body.json()) as { results: { status: Record<string, number> }[] };
    return results[0]?.status['passive_service_checks_15min'] ?? 0;
  } finally {
    await dispatcher.close();
  }
}
