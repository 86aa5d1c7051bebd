import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, request as httpRequest, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { NaiveTree } from '../test/naive-tree.js';
import { DirectoryTiles, encodeEntryBundle, entriesPath, HttpTiles, inclusionProof, rootFromTiles, serveLog, tilePath, tileWidth, type TileSource } from './index.js';

const tree = NaiveTree.of(600);
let folder: string;
let server: Server;
let origin: string;

function write(path: string, bytes: string | Buffer): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), bytes);
}

beforeAll(async () => {
  folder = join(mkdtempSync(join(tmpdir(), 'attestream-log-')), 'public');
  const tiles = tree.tiles();
  for (const size of [300, 600]) {
    for (const level of [0, 1]) {
      for (let index = 0, width; (width = tileWidth(level, index, size)) > 0; index++) {
        write(tilePath(level, index, width), await tiles.tile(level, index, width));
        if (level === 0) write(entriesPath(index, width), await tiles.entries(index, width));
      }
    }
  }
  write('checkpoint', 'the note\n');
  write('secret', 'not served');
  write('tile/secret', 'not served');
  writeFileSync(join(folder, '..', 'checkpoint'), 'of another folder');
  symlinkSync(join(folder, 'secret'), join(folder, 'tile/0/777'));
  mkdirSync(join(folder, 'tile/0/778'));
  server = createServer((request, response) => void serveLog(folder)(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(dirname(folder), { recursive: true });
});

/** With the path as it stands: fetch would tidy it up. */
function get(path: string, method = 'GET'): Promise<{ status: number; headers: IncomingHttpHeaders; body: Buffer }> {
  return new Promise((resolve, reject) => httpRequest(origin, { path, method }, (response) => {
    buffer(response).then((body) => resolve({ status: response.statusCode!, headers: response.headers, body }), reject);
  }).on('error', reject).end());
}

it('tiles and bundles may be kept for ever', async () => {
  for (const path of ['/tile/0/000', '/tile/0/002.p/88', '/tile/1/000.p/2', '/tile/entries/001', '/tile/entries/002.p/88']) {
    const { status, headers } = await get(path);
    expect([path, status, headers['content-type'], headers['cache-control']]).toEqual([path, 200, 'application/octet-stream', 'public, max-age=31536000, immutable']);
  }
  expect((await get('/tile/0/000')).body).toEqual(await tree.tiles().tile(0, 0, 256));
  expect((await get('/tile/entries/002.p/88')).body).toEqual(encodeEntryBundle(tree.entries.slice(512, 600)));
});

it('the checkpoint may not be kept at all', async () => {
  const { status, headers, body } = await get('/checkpoint');
  expect([status, headers['content-type'], headers['cache-control'], body.toString()]).toEqual([200, 'text/plain; charset=utf-8', 'no-store', 'the note\n']);
});

it('HEAD says what GET would', async () => {
  for (const path of ['/checkpoint', '/tile/0/000', '/tile/0/999']) {
    const [head, whole] = [await get(path, 'HEAD'), await get(path)];
    expect(head.body).toHaveLength(0);
    expect([head.status, head.headers['content-length'], head.headers['cache-control']]).toEqual([whole.status, whole.headers['content-length'], whole.headers['cache-control']]);
  }
});

it.each([
  '/', '', '/tile', '/tile/0', '/secret', '/tile/secret', '/checkpoint/', '/Checkpoint', '//checkpoint', '/./checkpoint', '/../checkpoint', '/tile/../checkpoint', '/tile/0/../../checkpoint', '/%2e%2e/checkpoint', '/tile/0/..%2f..%2fsecret',
  '/tile/0/%30%30%30', '/tile/00/000', '/tile/0/0', '/tile/0/000.p/256', '/tile/0/000.p/0', '/tile/0/000.p', '/tile/64/000', '/tile/0/999', '/tile/0/000\\..', '/tile/0/777', '/tile/0/778', '/tile/entries/000/', '/metrics',
])('%j is not served', async (path) => {
  const { status, headers, body } = await get(path);
  // a link where a tile should be is what the disk refuses, not a path that is unknown
  expect([status, headers['cache-control'], body.length]).toEqual([path === '/tile/0/777' ? 500 : 404, 'no-store', 0]);
});

it('what comes later is served then', async () => {
  expect((await get('/tile/5/000.p/1')).status).toBe(404);
  write('tile/5/000.p/1', Buffer.alloc(32));
  expect((await get('/tile/5/000.p/1')).status).toBe(200);
});

it('other methods are refused', async () => {
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
    const { status, headers } = await get('/checkpoint', method);
    expect([status, headers.allow]).toEqual([405, 'GET, HEAD']);
  }
});

describe.each([['a folder', () => new DirectoryTiles(folder)], ['HTTP', () => new HttpTiles(`${origin}/`)]] as [string, () => TileSource][])('tiles from %s', (_, source) => {
  it('make the trees that they are of, and their proofs', async () => {
    for (const size of [300, 600]) {
      expect(await rootFromTiles(size, source())).toEqual(tree.root(size));
      expect(await inclusionProof(280, size, source())).toEqual(tree.path(280, size));
      expect(await source().entries(1, tileWidth(0, 1, size))).toEqual(encodeEntryBundle(tree.entries.slice(256, Math.min(512, size))));
    }
  });

  it('a full tile serves for a partial one that is gone, and no other partial one does', async () => {
    expect(await source().tile(0, 1, 100)).toEqual(await tree.tiles().tile(0, 1, 100));
    expect(await source().entries(1, 100)).toEqual(encodeEntryBundle(tree.entries.slice(256, 356)));
    expect(await rootFromTiles(400, source())).toEqual(tree.root(400));
    await expect(source().tile(0, 2, 87)).rejects.toEqual(expect.objectContaining({ code: 'ATS_TILE_MISSING', message: expect.stringContaining('tile/0/002.p/87') }));
    await expect(source().entries(2, 87)).rejects.toEqual(expect.objectContaining({ code: 'ATS_TILE_MISSING' }));
  });

  it('a tile of another length is ATS_TILE_CORRUPT', async () => {
    for (const [width, bytes] of [[3, 95], [3, 97], [3, 0], [256, 8191], [256, 8224]] as const) {
      write(tilePath(9, 0, width), Buffer.alloc(bytes));
      const code = bytes === 8224 && source() instanceof HttpTiles ? 'ATS_LOG_UNREACHABLE' : 'ATS_TILE_CORRUPT';
      await expect(source().tile(9, 0, width)).rejects.toEqual(expect.objectContaining({ code, message: expect.stringContaining('tile/9/000') }));
    }
    rmSync(join(folder, 'tile/9'), { recursive: true });
  });
});

it('the checkpoint comes as it lies there; a log that is away is ATS_LOG_UNREACHABLE', async () => {
  expect((await new HttpTiles(origin).checkpoint()).toString()).toBe('the note\n');
  await expect(new HttpTiles(`${origin}/nowhere`).checkpoint()).rejects.toEqual(expect.objectContaining({ code: 'ATS_TILE_MISSING' }));
  const away = createServer((request, response) => void (request.url === '/checkpoint' ? response.writeHead(500).end() : undefined));
  await new Promise<void>((resolve) => away.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(away.address() as AddressInfo).port}`;
  const unreachable = expect.objectContaining({ code: 'ATS_LOG_UNREACHABLE' });
  await expect(new HttpTiles(url).checkpoint()).rejects.toEqual(unreachable);
  await expect(new HttpTiles(url, 50).tile(0, 0, 1)).rejects.toEqual(unreachable);
  away.closeAllConnections();
  await new Promise((resolve) => away.close(resolve));
  await expect(new HttpTiles(url).tile(0, 0, 1)).rejects.toEqual(unreachable);
});
