// Exits 0 when node_modules holds the versions of package-lock.json. Reads the record that npm keeps of what it installed. Runs on any Node >= 12.
const { existsSync, readFileSync } = require('fs');

const read = (file) => JSON.parse(readFileSync(file, 'utf8')).packages;
const record = 'node_modules/.package-lock.json';
const installed = existsSync(record) ? read(record) : {};
const differs = Object.entries(read('package-lock.json')).some(([path, { version, optional, integrity }]) => {
  const found = installed[path];
  if (path === '') return false;
  if (found === undefined) return !optional; // optional ones are for other platforms
  return found.version !== version || found.integrity !== integrity || !existsSync(path);
});
process.exit(differs ? 1 : 0);
