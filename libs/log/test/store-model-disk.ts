/** A disk in memory that forgets what was not synced, fails where it is told to, and stops a "process" before any of its system calls. */
import { basename, dirname } from 'node:path';
import { AtsError } from '#libs/errors';
import type { Disk, DiskFile } from '../src/store/disk.js';
import type { FolderLock } from '../src/store/folder-lock.js';

/** What stands in memory, and what a power cut leaves. */
class File { live: Buffer = Buffer.alloc(0); durable: Buffer = Buffer.alloc(0); }
class Folder { live = new Map<string, File | Folder>(); durable = new Map<string, File | Folder>(); }

export interface Call { number: number; name: string; path: string }
/** Thrown to a process that is dead: nothing it does has an effect any more. */
export class Killed extends Error {}

/**
 * What survives: `kill` all that the kernel had; `cut` only what was synced; `random` a draw, name by name and byte by byte, from what was not.
 */
export type Survival = 'kill' | 'cut' | 'random';

export class ModelDisk implements Disk {
  calls = 0;
  /** Called before each system call; throws to make it fail, or to kill. */
  before: (call: Call) => void = () => {};
  /** Called after each system call that took effect. */
  after: (call: Call) => void = () => {};
  /** Bytes that fit; a write that does not is cut short, as the kernel does. */
  capacity = Infinity;
  /** Rules broken on purpose. */
  readonly without = new Set<'file sync' | 'folder sync' | 'lock'>();
  /** The process was killed. */
  dead = false;
  readonly #locked = new Set<string>();

  constructor(private readonly root = new Folder()) {}

  /** The disk as the next process finds it. */
  survivor(survival: Survival, random: () => number = Math.random): ModelDisk {
    const copies = new Map<File, File>();
    const copyFile = (file: File): File => {
      let copy = copies.get(file);
      if (!copy) {
        copies.set(file, (copy = new File()));
        const kept = file.durable.length + Math.floor(random() * (1 + Math.max(0, file.live.length - file.durable.length)));
        copy.live = survival === 'kill' ? file.live : survival === 'cut' ? file.durable : file.live.subarray(0, kept);
        copy.durable = survival === 'kill' ? file.durable : copy.live;
      }
      return copy;
    };
    const copyFolder = (folder: Folder): Folder => {
      const copy = new Folder();
      for (const name of new Set([...folder.live.keys(), ...folder.durable.keys()])) {
        const kept = survival === 'kill' || (survival === 'random' && random() < 0.5) ? folder.live.get(name) : folder.durable.get(name);
        if (kept) copy.live.set(name, kept instanceof File ? copyFile(kept) : copyFolder(kept));
        const durable = survival === 'kill' ? folder.durable.get(name) : undefined;
        if (durable) copy.durable.set(name, durable instanceof File ? copyFile(durable) : copy.live.get(name) ?? copyFolder(durable));
      }
      if (survival !== 'kill') copy.durable = new Map(copy.live);
      return copy;
    };
    const next = new ModelDisk(copyFolder(this.root));
    for (const rule of this.without) next.without.add(rule);
    return next;
  }

  /** What readers see under a path, whatever the process does. */
  peek(path: string): Buffer | undefined {
    const node = this.#find(path);
    return node instanceof File ? node.live : undefined;
  }

  /** Damages a file from outside. */
  poke(path: string, bytes: Buffer): void {
    const node = this.#find(path);
    if (!(node instanceof File)) throw new Error(`${path} is no file`);
    node.live = node.durable = bytes;
  }

  /** Every file below a folder. */
  files(path: string): string[] {
    const node = this.#find(path);
    return node instanceof Folder ? [...node.live.keys()].flatMap((name) => this.files(`${path}/${name}`)) : [path];
  }

  async create(path: string): Promise<DiskFile> {
    const file = await this.#call('create', path, () => {
      const { names, name } = this.#place(path);
      if (names.has(name)) throw errno('EEXIST', path);
      const made = new File();
      names.set(name, made);
      return made;
    });
    return {
      write: (bytes) => this.#call('write', path, () => {
        const room = this.capacity - this.#used();
        file.live = Buffer.concat([file.live, bytes.subarray(0, Math.max(0, room))]);
        if (room < bytes.length) throw errno('ENOSPC', path);
      }, () => { file.live = Buffer.concat([file.live, bytes.subarray(0, bytes.length / 2)]); }),
      sync: () => this.#call('sync', path, () => { if (!this.without.has('file sync')) file.durable = file.live; }),
      close: () => this.#call('close', path, () => {}),
    };
  }

  link(from: string, to: string): Promise<void> {
    return this.#call('link', to, () => {
      const file = this.#find(from);
      const { names, name } = this.#place(to);
      if (!file) throw errno('ENOENT', from);
      if (names.has(name)) throw errno('EEXIST', to);
      names.set(name, file);
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.#call('rename', to, () => {
      const node = this.#find(from);
      if (!node) throw errno('ENOENT', from);
      const target = this.#find(to);
      if (target instanceof Folder && target.live.size > 0) throw errno('ENOTEMPTY', to);
      const { names, name } = this.#place(to);
      names.set(name, node);
      const old = this.#place(from);
      old.names.delete(old.name);
    });
  }

  remove(path: string): Promise<void> {
    return this.#call('remove', path, () => {
      const { names, name } = this.#place(path);
      names.delete(name);
    });
  }

  mkdir(path: string): Promise<void> {
    return this.#call('mkdir', path, () => {
      const { names, name } = this.#place(path);
      if (names.has(name)) throw errno('EEXIST', path);
      names.set(name, new Folder());
    });
  }

  rmdir(path: string): Promise<void> {
    return this.#call('rmdir', path, () => {
      const node = this.#find(path);
      if (!(node instanceof Folder)) throw errno('ENOENT', path);
      if (node.live.size > 0) throw errno('ENOTEMPTY', path);
      const { names, name } = this.#place(path);
      names.delete(name);
    });
  }

  syncFolder(path: string): Promise<void> {
    return this.#call('syncFolder', path, () => {
      const node = this.#find(path);
      if (!(node instanceof Folder)) throw errno('ENOENT', path);
      if (!this.without.has('folder sync')) node.durable = new Map(node.live);
    });
  }

  async read(path: string): Promise<Buffer | undefined> {
    this.#alive();
    return this.peek(path);
  }

  async list(path: string): Promise<string[]> {
    this.#alive();
    const node = this.#find(path);
    return node instanceof Folder ? [...node.live.keys()] : [];
  }

  async lock(path: string): Promise<FolderLock> {
    this.#alive();
    if (this.#locked.has(path) && !this.without.has('lock')) throw new AtsError('ATS_LOG_LOCKED', path);
    this.#locked.add(path);
    return { release: async () => void this.#locked.delete(path) };
  }

  async #call<T>(name: string, path: string, effect: () => T, half?: () => void): Promise<T> {
    // as real calls do: others get their turn in between
    await Promise.resolve();
    this.#alive();
    const call = { number: ++this.calls, name, path };
    try {
      this.before(call);
    } catch (error) {
      half?.();
      if (error instanceof Killed) this.dead = true;
      throw error;
    }
    const result = effect();
    this.after(call);
    return result;
  }

  /** What has a name in memory; a file counts once. */
  #used(): number {
    if (this.capacity === Infinity) return 0;
    const files = new Set<File>();
    const walk = (folder: Folder): void => { for (const node of folder.live.values()) if (node instanceof File) files.add(node); else walk(node); };
    walk(this.root);
    return [...files].reduce((sum, { live }) => sum + live.length, 0);
  }

  #alive(): void {
    if (this.dead) throw new Killed();
  }

  #find(path: string): File | Folder | undefined {
    let node: File | Folder | undefined = this.root;
    for (const name of path.split('/').filter(Boolean)) node = node instanceof Folder ? node.live.get(name) : undefined;
    return node;
  }

  #place(path: string): { names: Map<string, File | Folder>; name: string } {
    const folder = this.#find(dirname(path));
    if (!(folder instanceof Folder)) throw errno('ENOENT', path);
    return { names: folder.live, name: basename(path) };
  }
}

export function errno(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}
