// A process that makes and removes names in a directory, or leaves it alone, as its parent says. Argument: the directory.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const AT_ONCE = 20;

const [directory = ''] = process.argv.slice(2);
const there: string[] = [];
let made = 0;
let isWorking = false;

process.on('message', (message) => {
  isWorking = message === 'work';
  process.send?.('understood');
});
process.on('disconnect', () => process.exit());
setInterval(() => {
  if (!isWorking) return;
  for (let count = 0; count < AT_ONCE; count += 1) {
    const path = join(directory, `m${String((made * 7) % 1500).padStart(4, '0')}-${made}-fleeting`);
    made += 1;
    writeFileSync(path, '');
    there.push(path);
    const oldest = there.length > 50 ? there.shift() : undefined;
    if (oldest !== undefined) rmSync(oldest);
  }
}, 1);
process.send?.('ready');
