// The live page with 10,000 transitions a second, from the development server: the tab stays quick and small.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { base as daemon, close, open } from './browser.mjs';

const RATE = 10_000;
const server = spawn('node', [fileURLToPath(new URL('../../src/console/dev/server.mjs', import.meta.url)), '0', daemon, '--flood', String(RATE)], { stdio: ['ignore', 'pipe', 'inherit'] });
try {
  const [printed] = await once(server.stdout, 'data');
  const address = String(printed).trim();
  const page = await open();
  await page.goto(`${address}/#/live`);
  // The users are numbered: the newest line says how many came before it.
  const newest = () => page.locator('.feed .id').first().innerText().then((user) => Number(user.slice(1)));
  await page.locator('.feed li').first().waitFor();
  let slowest = 0;
  const began = Date.now();
  while (await newest() < 5 * RATE) {
    const asked = Date.now();
    await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(drawn)));
    slowest = Math.max(slowest, Date.now() - asked);
    assert.ok(Date.now() - began < 60_000, 'fifty thousand lines came');
  }
  // Generous: the machine that tests may have other work.
  assert.ok(slowest < 5_000, `the tab once took ${slowest} ms to draw`);
  assert.equal(await page.locator('.feed li').count(), 200);
  const heap = await page.evaluate(() => performance.memory.usedJSHeapSize);
  assert.ok(heap < 150e6, `${heap} bytes`);
  // Paused, it stands still; the filter and the button still work.
  await page.getByRole('button', { name: 'Pause' }).click();
  await page.getByRole('button', { name: 'Go on' }).waitFor();
  const stood = await newest();
  const seen = await page.locator('.figure', { hasText: 'Events per second' }).locator('.value').innerText();
  assert.equal(seen, '10,000');
  await page.evaluate(() => new Promise((done) => { let frames = 0; const frame = () => ((frames += 1) > 60 ? done() : requestAnimationFrame(frame)); frame(); }));
  assert.equal(await newest(), stood);
  console.log(`the tab lives: slowest frame ${slowest} ms, heap ${Math.round(heap / 1e6)} MB`);
} finally {
  await close();
  server.kill();
}
