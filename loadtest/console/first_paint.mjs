// How soon the console is painted, and how soon its first page has figures: a tab without anything in its cache, on loopback.
//
//     node loadtest/console/first_paint.mjs MODULES CHROMIUM URL
//
// MODULES is a folder whose node_modules have playwright-core and axe-core (target/tmp/npm after the tests of the console), CHROMIUM a
// browser, URL a daemon or a demo without a token. Prints the median of eleven tabs, and from where to where, in milliseconds.
import { base, close, open } from '../../tests/console/browser.mjs';

const ROUNDS = 11;
const painted = [];
const filled = [];
try {
  for (let round = 0; round <= ROUNDS; round += 1) {
    const page = await open();
    await page.goto(base);
    await page.locator('.figure .value').first().waitFor();
    const [paint, now] = await page.evaluate(() => [performance.getEntriesByName('first-contentful-paint')[0].startTime, performance.now()]);
    // The first tab starts the browser's own processes.
    if (round > 0) {
      painted.push(paint);
      filled.push(now);
    }
    await page.context().close();
  }
} finally {
  await close();
}
const spread = (times) => {
  const sorted = times.toSorted((a, b) => a - b);
  return `${sorted[ROUNDS >> 1].toFixed(0)} (${sorted[0].toFixed(0)} to ${sorted.at(-1).toFixed(0)})`;
};
console.log(`first contentful paint, ms  ${spread(painted)}`);
console.log(`the first page's figures, ms  ${spread(filled)}`);
