/** c2sp.org/tlog-tiles over HTTP, the log's side: the served folder and nothing else of the disk. */
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { parseTilePath } from './tlog-tiles.js';

/** Tiles never change under their name. The checkpoint does: no cache may keep it. */
const kinds = {
  checkpoint: { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' },
  tile: { 'content-type': 'application/octet-stream', 'cache-control': 'public, max-age=31536000, immutable' },
};

/**
 * Answers GET and HEAD of `/checkpoint` and `/tile/...` below `publicDir`; 404 for every other path and for what is not there (never cached:
 * it may come), 405 for other methods. It never throws: what the disk refuses is a 500, and a client that leaves is nobody's fault.
 */
export function serveLog(publicDir: string): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  return async (request, response) => {
    // no decoding: a path of this spec needs none, and every other spelling is unknown
    const path = (request.url ?? '').split('?', 1)[0]!.slice(1);
    const kind = path === 'checkpoint' ? 'checkpoint' : parseTilePath(path) ? 'tile' : undefined;
    if (!kind) return refuse(response, 404);
    if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(response, 405, { allow: 'GET, HEAD' });
    let file: FileHandle | undefined;
    try {
      file = await open(join(publicDir, path), constants.O_RDONLY | constants.O_NOFOLLOW);
      const stat = await file.stat();
      if (!stat.isFile()) return refuse(response, 404);
      response.writeHead(200, { ...kinds[kind], 'content-length': stat.size, 'x-content-type-options': 'nosniff' });
      if (request.method === 'HEAD' || stat.size === 0) response.end();
      // up to the length that was announced: a file that is replaced is another file
      else await pipeline(file.createReadStream({ autoClose: false, end: stat.size - 1 }), response);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (response.headersSent) response.destroy();
      else refuse(response, code === 'ENOENT' || code === 'ENOTDIR' ? 404 : 500);
    } finally {
      await file?.close();
    }
  };
}

function refuse(response: ServerResponse, status: number, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store', ...headers });
  response.end();
}
