import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { transformSync } from '@swc/core';
import { repositoryRoot } from '#libs/stack';

const IMPORT = /from '([^']+)'/g;

/**
 * Writes a program and what it imports of this repository as plain JavaScript into the folder, and tells where the program is: a process whose memory is
 * measured must not hold the compiler.
 */
export function plain(program: string, folder: string): string {
  const done = new Set<string>();
  const write = (file: string): void => {
    if (done.has(file)) return;
    done.add(file);
    const source = readFileSync(join(repositoryRoot, file), 'utf8');
    const { code } = transformSync(source, { swcrc: false, jsc: { target: 'es2023', parser: { syntax: 'typescript' } }, module: { type: 'es6' } });
    const target = join(folder, file.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, code);
    for (const [, name] of code.matchAll(IMPORT)) {
      if (name!.startsWith('.')) write(join(dirname(file), name!.replace(/\.js$/, '.ts')));
      if (name!.startsWith('#libs/')) write(`${name!.slice(1)}/src/index.ts`);
    }
  };
  write(program);
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module', imports: { '#libs/*': './libs/*/src/index.js' } }));
  return join(folder, program.replace(/\.ts$/, '.js'));
}
