import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** In the place of any counterpart: takes every connection, and answers nothing. */
export class Hanging {
  readonly #sockets = new Set<Socket>();
  readonly #asked = Promise.withResolvers<void>();

  private constructor(private readonly server: Server) {
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined).on('data', () => this.#asked.resolve());
    });
  }

  static async start(): Promise<Hanging> {
    const hanging = new Hanging(createServer());
    await once(hanging.server.listen(0, '127.0.0.1'), 'listening');
    return hanging;
  }

  /** host:port */
  get place(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Resolves when somebody waits for an answer. */
  async asked(): Promise<void> {
    await this.#asked.promise;
  }

  stop(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.server.close();
  }
}
