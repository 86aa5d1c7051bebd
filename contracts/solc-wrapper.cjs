#!/usr/bin/env node
// What forge needs of a native solc (`--version`, `--standard-json`), answered by solc-js from the lockfile: native compilers
// are not on npm. Any Node runs it.
const fs = require('node:fs');
const path = require('node:path');

const args = process.argv.slice(2);
const valuesOf = (option) => args.filter((_, i) => args[i - 1] === option);
const root = path.resolve(__dirname, '..');
const solcPackage = path.join(root, 'node_modules', 'solc');

// forge asks for the version at every start; the file that holds it opens in milliseconds, the compiler in a second.
function version() {
  const cache = path.join(__dirname, 'cache', 'solc-version.json');
  const installed = JSON.parse(fs.readFileSync(path.join(solcPackage, 'package.json'), 'utf8')).version;
  if (fs.existsSync(cache)) {
    const known = JSON.parse(fs.readFileSync(cache, 'utf8'));
    if (known.installed === installed) return known.version;
  }
  // forge takes only the platform names of native builds
  const reported = require(solcPackage).version().replace('Emscripten.clang', 'Linux.g++');
  fs.mkdirSync(path.dirname(cache), { recursive: true });
  fs.writeFileSync(`${cache}.${process.pid}`, JSON.stringify({ installed, version: reported }));
  fs.renameSync(`${cache}.${process.pid}`, cache);
  return reported;
}

function writeAll(text) {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length;) {
    try {
      at += fs.writeSync(1, bytes, at);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error; // a full pipe
    }
  }
}

if (args.includes('--version')) {
  writeAll(`solc, the solidity compiler commandline interface\nVersion: ${version()}\n`);
} else if (args.includes('--standard-json')) {
  const folders = ['.', ...valuesOf('--base-path'), ...valuesOf('--include-path')];
  const findImport = (name) => {
    const found = folders.map((folder) => path.resolve(folder, name)).find((file) => fs.existsSync(file));
    return found ? { contents: fs.readFileSync(found, 'utf8') } : { error: `not found: ${name}` };
  };
  writeAll(require(solcPackage).compile(fs.readFileSync(0, 'utf8'), { import: findImport }));
} else {
  process.stderr.write('solc-wrapper: only --version and --standard-json\n');
  process.exitCode = 1;
}
