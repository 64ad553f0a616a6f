// Builds dist/ from src/: `node build.mjs`. With --check it builds into memory, and fails where dist/ is not what comes of the sources.
import { readFile, readdir, rm, mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, 'dist');

/** What the daemon serves; it has these with gzip as well. */
const SERVED = ['index.html', 'console.js', 'editor.js', 'console.css', 'icon.svg'];

/** All files of dist/, by name. */
async function built() {
  const { outputFiles } = await build({
    absWorkingDir: here,
    // Two scripts: the editor is large, and is fetched when somebody opens the rules.
    entryPoints: ['src/console.jsx', 'src/editor.js', 'src/console.css'],
    outdir: 'dist',
    bundle: true,
    write: false,
    minify: true,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    external: ['/editor.js'],
    legalComments: 'none',
    charset: 'utf8',
  });
  const files = new Map(outputFiles.map((file) => [basename(file.path), Buffer.from(file.contents)]));
  for (const name of ['index.html', 'icon.svg']) files.set(name, await readFile(join(here, 'src', name)));
  files.set('LICENSES.txt', Buffer.from(await licences()));
  return files;
}

/** The licences of what is bundled, which they ask to be kept beside it. */
async function licences() {
  const lock = JSON.parse(await readFile(join(here, 'package-lock.json'), 'utf8'));
  const packages = Object.entries(lock.packages).filter(([path, found]) => path && !found.dev && !found.devOptional && !found.optional);
  const texts = packages.map(async ([path, { version }]) => {
    const names = await readdir(join(here, path));
    const file = names.find((name) => /^licen[cs]e/i.test(name));
    if (!file) throw new Error(`${path} has no licence`);
    return `${path.replace('node_modules/', '')} ${version}\n\n${(await readFile(join(here, path, file), 'utf8')).trim()}\n`;
  });
  return `The console contains:\n\n${(await Promise.all(texts)).join('\n----\n\n')}`;
}

const files = await built();
const zipped = new Map(SERVED.map((name) => [`${name}.gz`, gzipSync(files.get(name), { level: 9 })]));
const sizes = SERVED.map((name) => ({ name, bytes: files.get(name).length, gzip: zipped.get(`${name}.gz`).length }));
const total = sizes.reduce((sum, file) => sum + file.gzip, 0);
if (total > 400 * 1024) throw new Error(`the console has ${total} bytes with gzip, more than 400 KiB`);
if (process.argv.includes('--check')) {
  const wrong = [];
  for (const [name, content] of files) {
    const there = await readFile(join(dist, name)).catch(() => null);
    if (!there || !there.equals(content)) wrong.push(name);
  }
  // Other versions of node may compress differently: what is inside counts.
  for (const name of zipped.keys()) {
    const there = await readFile(join(dist, name)).then(gunzipSync).catch(() => null);
    if (!there || !there.equals(files.get(name.slice(0, -3)))) wrong.push(name);
  }
  wrong.push(...(await readdir(dist)).filter((name) => !files.has(name) && !zipped.has(name)));
  if (wrong.length) {
    console.error(`dist/ is not what comes of the sources: ${wrong.join(', ')}. Run \`npm run build\` in src/console, and commit dist/.`);
    process.exit(1);
  }
} else {
  await rm(dist, { recursive: true, force: true });
  await mkdir(dist);
  for (const [name, content] of [...files, ...zipped]) await writeFile(join(dist, name), content);
}
for (const { name, bytes, gzip } of sizes) console.log(`${name.padEnd(14)}${bytes.toLocaleString('en').padStart(10)}${gzip.toLocaleString('en').padStart(10)} gzip`);
console.log(`${'in all'.padEnd(24)}${total.toLocaleString('en').padStart(10)} gzip`);
