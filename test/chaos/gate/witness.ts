/** A witness that cosigns everything and forgets nothing: each checkpoint is shown to it before it is published, so it has seen every one that was ever signed. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text as readText } from 'node:stream/consumers';
import { noteVerifier, openNote, parseCheckpoint, parseNote, signNote, type TreeHead } from '#libs/log';
import { cosigner } from '../../../libs/log/test/cosigner.js';

export class RecordingWitness {
  readonly signed: TreeHead[] = [];
  readonly #signer = cosigner('witness.example/chaos', 'ed25519', 1_700_000_000n);
  #vkey = '';
  #known = 0;
  #server: Server | undefined;

  async listen(logVkey: string): Promise<this> {
    this.#vkey = logVkey;
    const server = createServer((request, response) => {
      void readText(request).then((body) => {
        const { status, type, text } = this.#answer(body);
        response.writeHead(status, { 'content-type': type }).end(text);
      }).catch((error: unknown) => response.writeHead(400).end(`${String(error)}\n`));
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  /** c2sp.org/tlog-policy: this log, this witness. */
  policy(): string {
    const { port } = this.#server!.address() as AddressInfo;
    return `log ${this.#vkey}\nwitness chaos ${this.#signer.vkey} http://127.0.0.1:${port}/\nquorum chaos\n`;
  }

  async close(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  /** Whether the proof holds is the judge's to say: here everything that the log's key has signed is taken down, a fork as well. */
  #answer(body: string): { status: number; type: string; text: string } {
    const at = body.indexOf('\n\n');
    const note = Buffer.from(body.slice(at + 2));
    const { size, root } = parseCheckpoint(openNote(note, [noteVerifier(this.#vkey)]).text);
    if (!this.signed.some((head) => head.size === size && head.root.equals(root))) this.signed.push({ size, root });
    if (body.slice(0, at).split('\n', 1)[0] !== `old ${this.#known}`) return { status: 409, type: 'text/x.tlog.size', text: `${this.#known}\n` };
    this.#known = Math.max(this.#known, size);
    return { status: 200, type: 'text/plain', text: signNote(parseNote(note).text, [this.#signer]).toString().split('\n').slice(-2).join('\n') };
  }
}
