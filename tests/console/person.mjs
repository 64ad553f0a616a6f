// A person is found, explained as the API explains, exported, and forgotten.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { ask, base, close, isAccessible, isWhole, open, until } from './browser.mjs';

const { body: { users } } = await ask('/v1/segments/active/users?limit=50');
const user = users.find((one) => /^u\d+$/.test(one));
const { body: { segments } } = await ask(`/v1/users/${user}/explain`);
const page = await open();
await page.goto(`${base}/#/people/${user}`);

await page.locator('details.why').first().waitFor();
// Each segment stands in the right list, with the words of its condition and the values behind them.
const lists = { In: segments.filter((one) => one.is_in), 'Not in': segments.filter((one) => !one.is_in) };
for (const [name, expected] of Object.entries(lists)) {
  const card = page.locator('section.card', { has: page.getByRole('heading', { name: `${name} (${expected.length})`, exact: true }) });
  assert.equal(await card.locator('details.why').count(), expected.length);
}
const one = segments.find((found) => found.segment === 'churned');
const row = page.locator('details.why', { has: page.locator('.of', { hasText: /^churned$/ }) });
await row.locator('summary').click();
const condition = await row.locator('.tree').innerText();
assert.match(condition, /idle\(\) >= 45d/);
assert.match(condition, /was last here at least 45 days ago/);
assert.equal(await row.locator('.clause.fails').count() > 0, !one.is_in);
if (one.next_change) assert.match(await row.locator('.change').innerText(), /enters \w+ \d+ \w+/);
await isAccessible(page, 'an explanation');

// What time alone will change, soonest first.
await page.getByRole('tab', { name: 'What happens next' }).click();
const coming = segments.filter((found) => found.next_change).map((found) => Date.parse(found.next_change.at)).sort((a, b) => a - b);
const times = await page.locator('.coming time').evaluateAll((all) => all.map((time) => Date.parse(time.getAttribute('datetime'))));
assert.deepEqual(times, [...times].sort((a, b) => a - b));
assert.ok(coming.every((at) => times.includes(at)), 'every next change is listed');

// The export is what the API exports.
const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Export' }).click()]);
const exported = JSON.parse(readFileSync(await download.path(), 'utf8'));
assert.deepEqual(Object.keys(exported), Object.keys((await ask(`/v1/users/${user}?export`)).body));

// Forgetting needs the id, typed.
await page.getByRole('button', { name: 'Forget…' }).click();
const forget = page.getByRole('button', { name: 'Forget for good' });
assert.ok(await forget.isDisabled());
await page.getByLabel(`Type ${user} to confirm`).fill(user.slice(0, -1));
assert.ok(await forget.isDisabled());
await isAccessible(page, 'the question before forgetting');
await page.getByLabel(`Type ${user} to confirm`).fill(user);
await forget.click();
await page.getByRole('heading', { name: 'Forgotten' }).waitFor();
await until('the daemon has forgotten the user', async () => (await ask(`/v1/users/${user}`)).status === 404);
await page.getByRole('button', { name: 'Back to People' }).click();
await page.goto(`${base}/#/people/${user}`);
await page.getByText('Nobody of this id is known').waitFor();
await isWhole(page, 'a person who was forgotten');
await close();
console.log('a person was explained and forgotten');
