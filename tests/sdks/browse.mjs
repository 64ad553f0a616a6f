// Opens a page in a headless Chromium: browse.mjs MODULES CHROMIUM URL STEP…
// A step is `click SELECTOR`; `until EXPRESSION`: waits until that is true on the page; `goto URL`: leaves for another page, as
// visitors do, whatever is under way; or `hold`: stays until standard input ends.
import { createRequire } from 'node:module';

const [modules, executablePath, url, ...steps] = process.argv.slice(2);
const { chromium } = createRequire(`${modules}/package.json`)('playwright-core');
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-blink-features=AutomationControlled'] });
// Some SDKs drop what robots do, and know them by this.
const userAgent = (await (await browser.newPage()).evaluate(() => navigator.userAgent)).replace('Headless', '');
const page = await (await browser.newContext({ userAgent })).newPage();
page.setDefaultTimeout(60_000);
page.on('console', (message) => console.log(`console: ${message.text()}`));
page.on('pageerror', (error) => console.log(`error: ${error}`));
page.on('requestfailed', (request) => console.log(`failed: ${request.method()} ${request.url()} ${request.failure().errorText}`));
page.on('response', (answer) => answer.ok() || console.log(`${answer.status()}: ${answer.request().method()} ${answer.url()}`));
await page.goto(url);
for (const step of steps) {
  const at = step.indexOf(' ');
  if (step === 'hold') {
    console.log('held');
    await new Promise((ended) => process.stdin.on('end', ended).resume());
  } else if (step.startsWith('click ')) await page.click(step.slice(at + 1));
  else if (step.startsWith('goto ')) await page.goto(step.slice(at + 1));
  else await page.waitForFunction(step.slice(at + 1));
}
// As a visitor leaves: what the page has under way is not waited for.
await page.close({ runBeforeUnload: true });
await browser.close();
