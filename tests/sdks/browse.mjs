// Opens a page in a headless Chromium: browse.mjs MODULES CHROMIUM URL STEP…
// A step is `click SELECTOR`, or `until EXPRESSION`: waits until that is true on the page.
import { createRequire } from 'node:module';

const [modules, executablePath, url, ...steps] = process.argv.slice(2);
const { chromium } = createRequire(`${modules}/package.json`)('playwright-core');
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
const page = await browser.newPage();
page.setDefaultTimeout(60_000);
page.on('console', (message) => console.log(`console: ${message.text()}`));
page.on('pageerror', (error) => console.log(`error: ${error}`));
page.on('requestfailed', (request) => console.log(`failed: ${request.method()} ${request.url()} ${request.failure().errorText}`));
await page.goto(url);
for (const step of steps) {
  const at = step.indexOf(' ');
  if (step.slice(0, at) === 'click') await page.click(step.slice(at + 1));
  else await page.waitForFunction(step.slice(at + 1));
}
// As a visitor leaves: what the page has under way is not waited for.
await page.close({ runBeforeUnload: true });
await browser.close();
