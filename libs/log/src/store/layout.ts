/** Where things lie in a store. */
import { dirname, join } from 'node:path';
import { entriesPath, TILE_WIDTH, tilePath } from '../tlog-tiles.js';

export interface Layout {
  readonly dir: string;
  /** Who this log is; written once. */
  readonly identity: string;
  /** {@link Generations} of the committed state. */
  readonly state: string;
  /** {@link Generations} of the published checkpoint. */
  readonly published: string;
  /** Files being written. Nothing in it counts. */
  readonly staging: string;
  /** What readers are served: the checkpoint, tiles and entry bundles. */
  readonly public: string;
  readonly checkpoint: string;
}

export function layoutOf(dir: string): Layout {
  return {
    dir, identity: join(dir, 'log.json'), state: join(dir, 'state'), published: join(dir, 'published'), staging: join(dir, 'staging'),
    public: join(dir, 'public'), checkpoint: join(dir, 'public/checkpoint'),
  };
}

/** A row of files of the log: tiles of one level, or entry bundles. */
export interface Row { readonly level: number; readonly kind: 'tile' | 'entries' }

/** Entry bundles, and the levels of tiles that a tree of `size` leaves has. */
export function rowsOf(size: number): Row[] {
  const rows: Row[] = [{ level: 0, kind: 'entries' }, { level: 0, kind: 'tile' }];
  for (let level = 1; size >= TILE_WIDTH ** level; level++) rows.push({ level, kind: 'tile' });
  return rows;
}

export const pathIn = ({ level, kind }: Row, index: number, width: number): string => (kind === 'entries' ? entriesPath(index, width) : tilePath(level, index, width));

/** Full tiles of a row in a tree of `size` leaves. */
export const fullTiles = ({ level }: Row, size: number): number => Math.floor(size / TILE_WIDTH ** (level + 1));

/** The folders of a relative path, outermost first. */
export function foldersAbove(path: string): string[] {
  const folders: string[] = [];
  for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) folders.unshift(folder);
  return folders;
}

/** The index that a name in a folder of a row stands for, given the index of another one in the same folder; `partial` for `NNN.p`. */
export function indexOfName(name: string, neighbour: number): { index: number; partial: boolean } | undefined {
  const match = /^(\d{3})(\.p)?$/.exec(name);
  return match ? { index: neighbour - (neighbour % 1000) + Number(match[1]), partial: match[2] !== undefined } : undefined;
}
