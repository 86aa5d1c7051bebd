import { transformFile } from '@swc/core';
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const root = join(import.meta.dirname, '../../..');

/** Compiles what a worker process needs into a folder of its own, so that no build of the repository has to be current. Returns the compiled worker. */
export async function buildWorker(dir: string, mutate: (file: string, code: string) => string = (_, code) => code): Promise<string> {
  const folders = ['libs/errors/src', 'libs/events/src', 'libs/stream/src', 'libs/stream/test'];
  for (const folder of folders) {
    for (const name of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
      if (!name.endsWith('.ts') || name.includes('.spec.') || name.endsWith('build.ts') || name.endsWith('broker.ts')) continue;
      const file = join(root, folder, name);
      const { code } = await transformFile(file, {
        swcrc: false, module: { type: 'es6' },
        jsc: { target: 'es2023', parser: { syntax: 'typescript', decorators: true }, transform: { legacyDecorator: true, decoratorMetadata: true } },
      });
      const out = join(dir, folder, name.replace(/\.ts$/, '.js'));
      mkdirSync(dirname(out), { recursive: true });
      writeFileSync(out, mutate(relative(root, file), code));
    }
  }
  writeFileSync(join(dir, 'package.json'), JSON.stringify({ type: 'module', imports: { '#libs/*': './libs/*/src/index.js' } }));
  symlinkSync(join(root, 'node_modules'), join(dir, 'node_modules'));
  symlinkSync(join(root, 'schemas'), join(dir, 'schemas'));
  return join(dir, 'libs/stream/test/worker.js');
}
