import { connect, createServer } from 'node:net';
import { randomInt } from 'node:crypto';

const LOWEST = 20_000;
/** Above it the kernel hands out ports for outgoing connections, which could take one between our look and the bind. */
const HIGHEST = 32_767;

/** `count` different TCP ports of 127.0.0.1 that nobody listens on now, all below the ephemeral range. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  for (let tries = 0; found.size < count; tries++) {
    if (tries > 1_000) throw new Error(`no ${count} free ports between ${LOWEST} and ${HIGHEST}`);
    const port = randomInt(LOWEST, HIGHEST + 1);
    if (!found.has(port) && (await canBind(port))) found.add(port);
  }
  return [...found];
}

/** True when a listener could be opened on 127.0.0.1:port now. */
export function canBind(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** True when something accepts connections on 127.0.0.1:port now. */
export function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => resolve(socket.destroy() !== undefined));
    socket.once('error', () => resolve(false));
  });
}
