import { connect, type TLSSocket } from 'node:tls';

export interface PlainRoundParameters {
  readonly port: number;
  readonly ca: string;
  readonly credentials: { readonly user: string; readonly password: string };
  /** Of each service in turn. */
  readonly services: readonly (readonly [host: string, service: string])[];
  readonly connections: number;
  /** Requests under way on one connection at most; more than one is HTTP pipelining. */
  readonly depth: number;
  readonly seconds: number;
}

export interface PlainRound {
  readonly accepted: number;
  readonly perSecond: number;
  readonly clientMicros: number;
}

const HEAD_END = '\r\n\r\n';

/**
 * The least that a client can do: process-check-result written by hand over TLS connections that stay open, answers told apart by their length alone. No log,
 * no order, no repetition. What Icinga2 takes from it is what it takes.
 */
export async function plainRound({ port, ca, credentials, services, connections, depth, seconds }: PlainRoundParameters): Promise<PlainRound> {
  const authorization = Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64');
  const sockets = await Promise.all(Array.from({ length: connections }, () => open(port, ca)));
  const cpuBefore = process.cpuUsage();
  const began = performance.now();
  const end = began + seconds * 1_000;
  let asked = 0;
  let accepted = 0;
  const next = (): string => {
    const [host, service] = services[asked++ % services.length]!;
    const body = bodyOf(asked);
    return `POST /v1/actions/process-check-result?service=${host}%21${service} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\nAuthorization: Basic ${authorization}\r\n`
      + `Content-Type: application/json\r\nContent-Length: ${body.length}${HEAD_END}${body}`;
  };
  await Promise.all(sockets.map((socket) => new Promise<void>((resolve, reject) => {
    let underWay = 0;
    let text = '';
    const fill = (): void => {
      const requests: string[] = [];
      while (underWay < depth && performance.now() < end) {
        requests.push(next());
        underWay++;
      }
      if (requests.length > 0) socket.write(requests.join(''));
      if (underWay > 0) return;
      resolve();
      socket.destroy();
    };
    socket.setEncoding('latin1').once('error', reject).on('data', (part: string) => {
      text += part;
      for (let at: number | undefined; (at = answerEnd(text)) !== undefined; text = text.slice(at), underWay--) {
        if (!text.startsWith('HTTP/1.1 200 ')) return reject(new Error(`Icinga2 answered ${text.slice(0, 200)}`));
        accepted++;
      }
      if (underWay <= depth / 2) fill();
    });
    fill();
  })));
  const perSecond = accepted / ((performance.now() - began) / 1_000);
  const { user, system } = process.cpuUsage(cpuBefore);
  return { accepted, perSecond, clientMicros: (user + system) / accepted };
}

async function open(port: number, ca: string): Promise<TLSSocket> {
  return await new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, ca }, () => resolve(socket)).once('error', reject).setNoDelay(true);
  });
}

/** As long as one of the sink's. */
function bodyOf(epoch: number): string {
  return JSON.stringify({
    exit_status: epoch % 3, plugin_output: `OK: proven for epoch ${60_000_000 + epoch}, policy home of set 1, registry block 7`,
    performance_data: ['state=0;1;2;0;2', `epoch=${60_000_000 + epoch}`, 'block=7', 'age=12.345s;;;0'], ttl: 86.543,
  });
}

/** Where the first answer in the text ends, undefined when it is not all there. */
function answerEnd(text: string): number | undefined {
  const head = text.indexOf(HEAD_END);
  if (head < 0) return undefined;
  const length = /content-length: *(\d+)/i.exec(text.slice(0, head))?.[1];
  if (length === undefined) throw new Error(`an answer without its length: ${text.slice(0, head)}`);
  const end = head + HEAD_END.length + Number(length);
  return end <= text.length ? end : undefined;
}
