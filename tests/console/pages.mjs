// Every page with real data, on a desktop and on a phone, in light and dark: it shows what the API says, fits, and axe finds nothing.
import assert from 'node:assert/strict';
import { WIDTHS, ask, base, close, isAccessible, isWhole, open, others } from './browser.mjs';

const { body: { segments } } = await ask('/v1/segments');
const filled = segments.filter((one) => one.users > 3 && !one.per).sort((a, b) => b.users - a.users)[0];
const { body: { users: [user] } } = await ask(`/v1/segments/${filled.id}/users?limit=1`);

/** Address, and a text that only the data can have brought. */
const pages = [
  ['live', 'All is well.'],
  ['people', 'Type an id'],
  [`people/${user}`, filled.id],
  ['segments', filled.description],
  [`segments/${filled.id}`, user],
  ['campaigns', 'Budgets'],
  ['campaigns/win_back', 'Did it work?'],
  ['growth', 'Who comes back'],
  ['rules', 'churned', async (page) => page.getByRole('tab', { name: 'Build a segment' }).click()],
  ['rules', '[events]', async (page) => { await page.getByRole('tab', { name: 'All rules' }).click(); await page.locator('.cm-content').waitFor(); }],
  ['rules', 'Who changed what', async (page) => page.getByRole('tab', { name: 'Versions' }).click()],
  ['nowhere', 'There is no such page'],
];
for (const [name, viewport] of Object.entries(WIDTHS)) {
  for (const colorScheme of ['light', 'dark']) {
    const page = await open({ viewport, colorScheme });
    for (const [address, text, act] of pages) {
      const what = `${address} on a ${name}, ${colorScheme}`;
      await page.goto(`${base}/#/${address}`);
      await page.locator('h1').first().waitFor();
      await act?.(page);
      await page.getByText(text).first().waitFor({ state: 'attached' });
      await page.waitForFunction(() => !/^Reading /m.test(document.querySelector('main').innerText));
      await isWhole(page, what);
      await isAccessible(page, what);
    }
    if (name === 'desktop') {
      await page.keyboard.press('Tab');
      assert.ok(await page.evaluate(() => document.activeElement !== document.body), 'the keyboard reaches the page');
    }
    await page.context().close();
  }
}
// An address that changes before the page's first frame counts: the script is over by then, and its effects have not run.
const hasty = await open();
await hasty.addInitScript(() => addEventListener('DOMContentLoaded', () => { location.hash = '#/campaigns'; }));
await hasty.goto(`${base}/#/segments`);
await hasty.getByRole('heading', { name: 'Campaigns', level: 1 }).waitFor();
assert.deepEqual(others, []);
await close();
console.log('every page is whole');
