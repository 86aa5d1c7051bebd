import type { Socket } from 'node:net';

/**
 * Notices when a connection of one client ends. From {@link guard} on, the client gets no other until it has been looked into what happened meanwhile:
 * kafkajs would connect again by itself, and go on as if the broker were the same.
 */
export class Unbroken {
  #ended = 0;
  #settled = 0;
  #guarding = false;
  #closed = false;
  readonly #waiting = new Set<(reason: Error) => void>();

  /** From now on an ended connection is a break. */
  guard(): void {
    this.#guarding = true;
    this.#settled = this.#ended;
  }

  /** True when a connection has ended since `guard`, or since what {@link mend} did last. */
  get broken(): boolean {
    return this.#guarding && this.#ended !== this.#settled;
  }

  /** Looks into a break; connections may be opened again once `look` has resolved, unless another has ended meanwhile. */
  async mend(look: () => Promise<void>): Promise<void> {
    const ended = this.#ended;
    await look();
    this.#settled = ended;
  }

  /** The work's result, or an error as soon as a connection ends under it. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    const broken = Promise.withResolvers<never>();
    this.#waiting.add(broken.reject);
    try {
      if (this.broken) throw breakError();
      return await Promise.race([work(), broken.promise]);
    } finally {
      this.#waiting.delete(broken.reject);
    }
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** No connection is opened any more. */
  close(): void {
    this.#closed = true;
  }

  /** Opens a connection for the client. */
  open(connect: () => Socket): Socket {
    if (this.#closed || this.broken) throw breakError();
    const socket = connect();
    let ended = false;
    // Each of them: kafkajs connects again at the first, whichever it is, and its listeners come after ours.
    for (const event of ['end', 'error', 'close']) {
      socket.once(event, () => {
        if (!ended) this.#end();
        ended = true;
      });
    }
    return socket;
  }

  #end(): void {
    this.#ended++;
    if (this.#guarding) for (const reject of this.#waiting) reject(breakError());
  }
}

function breakError(): Error {
  return new Error('a connection to the broker ended');
}
