// What all scripts of the browser share: a Chromium, pages that report what goes wrong on them, and axe.
// node SCRIPT.mjs MODULES CHROMIUM URL …
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const [modules, executablePath, url, ...rest] = process.argv.slice(2);
const require = createRequire(`${modules}/package.json`);
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

export const base = url;
export const others = rest;

export const WIDTHS = { desktop: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } };

let browser;

/** A page in a context of its own. What it writes to the console as an error, also a refusal by the content policy, is a failure. */
export async function open(options = {}) {
  browser ??= await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  const context = await browser.newContext({ viewport: WIDTHS.desktop, acceptDownloads: true, timezoneId: 'Europe/Berlin', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  page.wrong = [];
  page.on('pageerror', (error) => page.wrong.push(error.stack));
  // Answers that are no success are the page's to explain; all else that the browser complains about is a mistake.
  page.on('console', (message) => { if (message.type() === 'error' && !/^Failed to load resource: the server responded/.test(message.text())) page.wrong.push(message.text()); });
  page.on('request', (request) => { if (!/^http:\/\/127\.0\.0\.1:/.test(request.url()) && !/^(blob|data|file):/.test(request.url())) page.wrong.push(`a request to ${request.url()}`); });
  return page;
}

/** What axe finds; the page itself is not let run foreign scripts, so the debugger brings it in. */
export async function isAccessible(page, what) {
  const session = await page.context().newCDPSession(page);
  await session.send('Runtime.evaluate', { expression: axe });
  const found = await page.evaluate(async () => {
    const { violations } = await globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] });
    return violations.map((one) => `${one.id}: ${one.nodes.slice(0, 3).map((node) => node.html.slice(0, 200)).join(' | ')}`);
  });
  assert.deepEqual(found, [], `axe on ${what}`);
}

/** Nothing stands over the right edge, and nothing went wrong. */
export async function isWhole(page, what) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(over <= 0, `${what} is ${over} px too wide`);
  assert.deepEqual(page.wrong, [], what);
}

export async function close() {
  await browser?.close();
}

/** Asks the daemon itself. */
export async function ask(path, options) {
  const answer = await fetch(base + path, options);
  return { status: answer.status, body: await answer.json().catch(() => null) };
}

export async function until(what, condition, limitMs = 30_000) {
  for (const end = Date.now() + limitMs; ;) {
    if (await condition()) return;
    assert.ok(Date.now() < end, `not within ${limitMs / 1_000} seconds: ${what}`);
    await new Promise((done) => setTimeout(done, 100));
  }
}
