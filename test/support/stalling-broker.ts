import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** Numbers of Kafka's requests. */
export const REQUEST = { Fetch: 1, JoinGroup: 11, InitProducerId: 22, DescribeConfigs: 32, DescribeProducers: 61 } as const;

/** Of a request or an answer: what follows. Then a request says its number. */
const LENGTH_BYTES = 4;

/** In the place of a broker: hands everything on to it until it is asked for a certain thing. From then on it answers nothing any more, with its connections open. */
export class StallingBroker {
  readonly #sockets = new Set<Socket>();
  readonly #asked = Promise.withResolvers<void>();
  #stalls = false;

  private constructor(private readonly server: Server, private readonly broker: string, private readonly request: number) {
    server.on('connection', (client) => this.#join(client));
  }

  /** @param broker host:port, as it names itself */
  static async start(broker: string, request: keyof typeof REQUEST): Promise<StallingBroker> {
    const stalling = new StallingBroker(createServer(), broker, REQUEST[request]);
    await once(stalling.server.listen(0, '127.0.0.1'), 'listening');
    return stalling;
  }

  /** host:port */
  get place(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Resolves when it was asked for that. */
  async asked(): Promise<void> {
    await this.#asked.promise;
  }

  stop(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.server.close();
  }

  #join(client: Socket): void {
    const [host, port] = this.broker.split(':') as [string, string];
    const broker = connect(Number(port), host);
    for (const [socket, other] of [[client, broker], [broker, client]] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => { if (!this.#stalls) other.destroy(); });
    }
    onFrames(client, (frame) => {
      if (frame.readInt16BE(LENGTH_BYTES) === this.request) {
        this.#stalls = true;
        this.#asked.resolve();
      }
      if (!this.#stalls) broker.write(frame);
    });
    // A broker names itself in its answers: it would be asked without us.
    const [itself, us] = [this.broker, this.place].map(addressBytes) as [Buffer, Buffer];
    onFrames(broker, (frame) => {
      for (let at = frame.indexOf(itself); at >= 0; at = frame.indexOf(itself, at)) us.copy(frame, at);
      if (!this.#stalls) client.write(frame);
    });
  }
}

/** As an answer has them one after the other: the host's name and the port. */
function addressBytes(place: string): Buffer {
  const [host, port] = place.split(':') as [string, string];
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(Number(port));
  return Buffer.concat([Buffer.from(host), bytes]);
}

function onFrames(socket: Socket, take: (frame: Buffer) => void): void {
  let rest = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= LENGTH_BYTES && rest.length >= LENGTH_BYTES + rest.readInt32BE(0)) {
      const end = LENGTH_BYTES + rest.readInt32BE(0);
      take(rest.subarray(0, end));
      rest = rest.subarray(end);
    }
  });
}
