/** Holds open files until it is told to stop: raises a real metric of the machine on purpose. Usage: open-many-files.js COUNT */
import { openSync } from 'node:fs';

const count = Number(process.argv[2]);
for (let i = 0; i < count; i++) openSync('/dev/null', 'r');
process.stdout.write(`holding ${count} files\n`);
process.on('SIGTERM', () => process.exit(0));
// only a signal ends it
setInterval(() => undefined, 2 ** 30);
