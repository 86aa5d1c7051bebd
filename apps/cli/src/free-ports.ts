import { AtsError } from '#libs/errors';
import { canBind } from '#libs/stack';

/** @throws AtsError ATS_PORT_IN_USE naming every port that is taken and what it is for. Asked before anything starts. */
export async function requireFreePorts(uses: readonly { port: number; use: string }[]): Promise<void> {
  const free = await Promise.all(uses.map(({ port }) => canBind(port)));
  const taken = uses.filter((_, i) => !free[i]);
  if (taken.length > 0) throw new AtsError('ATS_PORT_IN_USE', taken.map(({ port, use }) => `127.0.0.1:${port} for ${use}`).join(', '));
}
