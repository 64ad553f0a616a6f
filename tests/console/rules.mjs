// Rules in the editor: a mistake shows at its place, completion offers what fits, the form writes a segment and reads it back, which is
// then applied and undone.
import assert from 'node:assert/strict';
import { ask, base, close, isAccessible, isWhole, open, until } from './browser.mjs';

const { body: { text, version: before } } = await ask('/v1/rules');
const page = await open();
await page.goto(`${base}/#/rules`);
const code = page.locator('.cm-content');
await code.waitFor();
await page.getByText('No mistakes.').waitFor();

// At the end of the text, a segment is typed, with a mistake in it and help from completion.
await code.click();
await page.keyboard.press('Control+End');
await page.keyboard.type('\n[[segments]]\nid = "typed"\nwhen = "cou');
const offer = page.locator('.cm-tooltip-autocomplete');
await offer.getByText('count(E, W)').waitFor();
await page.keyboard.press('Escape');
await page.keyboard.type('nnt(view, ');
await page.keyboard.press('Escape');
await page.keyboard.type("'7d') >= 3");
const line = text.split('\n').length + 3;
await page.getByText('there is no function `counnt`').first().waitFor();
assert.match(await page.locator('.problems').innerText(), new RegExp(`Line (${line - 1}|${line}|${line + 1})\\b`));
assert.ok(await page.locator('.cm-lintRange-error').count() > 0, 'it is underlined');
assert.ok(await page.getByRole('button', { name: 'Apply…' }).isDisabled(), 'nothing wrong can be applied');
await isAccessible(page, 'the editor with a mistake');

// Discarded, the text is as it was.
await page.getByRole('button', { name: 'Discard the change' }).click();
await page.getByText('No mistakes.').waitFor();
assert.equal(await page.locator('.cm-lintRange-error').count(), 0);

// A marketer's segment: the form says what it writes, and the text has it.
await page.getByRole('tab', { name: 'Build a segment' }).click();
await page.getByLabel('Name').fill('Looks often, never buys');
await page.getByLabel('Who they are, for people').fill('Looked at ten products this week, and never ordered');
const first = page.getByRole('group', { name: 'Line 1' });
await first.getByLabel('Event').selectOption('view');
await first.getByLabel('Number').fill('10');
await page.getByRole('button', { name: 'Add a line' }).click();
const second = page.getByRole('group', { name: 'Line 2' });
await second.getByLabel('What').selectOption('ever');
await second.getByLabel('Event').selectOption('order');
await second.getByLabel('How many').selectOption('exactly');
await second.getByLabel('Number').fill('0');
await page.getByText('Everybody who did “view” at least 10 times within 7 days, and who never did “order”.').waitFor();
await isAccessible(page, 'the form');
await page.getByRole('button', { name: 'Write it into the rules' }).click();
await page.getByText('Written. It is not in use yet.').waitFor();
await page.getByRole('tab', { name: 'All rules' }).click();
await page.getByText('No mistakes.').waitFor();
await page.getByRole('button', { name: 'Apply…' }).click();
const difference = await page.locator('.difference').innerText();
for (const written of ['id = "looks_often_never_buys"', "when = \"count(view, '7d') >= 10 && total(order) == 0\""]) assert.ok(difference.includes(`+ ${written}`), difference);
assert.ok(!/^− /m.test(difference), 'nothing else changes');
await isAccessible(page, 'the question before applying');
await page.getByRole('button', { name: 'Not yet' }).click();

// It reads back what was written by hand, too.
await page.getByRole('tab', { name: 'Build a segment' }).click();
await page.getByLabel('Change').selectOption('churned');
await page.getByText('Everybody who was last here at least 45 days ago.').waitFor();
await isWhole(page, 'the rules');

// Applied, it is in force, and people are in it or not.
await page.getByRole('tab', { name: 'All rules' }).click();
await page.getByRole('button', { name: 'Apply…' }).click();
await page.getByRole('button', { name: 'Apply', exact: true }).click();
await page.getByText('Applied.').waitFor();
const applied = (await ask('/v1/rules')).body;
assert.ok(applied.text.includes('id = "looks_often_never_buys"'));
assert.notEqual(applied.version, before);
assert.equal(await page.getByRole('button', { name: 'Apply…' }).count(), 0, 'there is nothing left to apply');
await until('somebody is in the new segment, or the daemon says how many', async () => (await ask('/v1/segments')).body.segments.some((one) => one.id === 'looks_often_never_buys'));

// Undone: the version before is compared and put in force again.
await page.getByRole('tab', { name: 'Versions' }).click();
const versions = page.getByRole('region', { name: 'Versions of the rules' });
const row = (version) => versions.getByRole('row', { name: new RegExp(version) });
await row(applied.version).getByText('in use').waitFor();
await row(before).getByRole('button', { name: 'Compare' }).click();
await page.getByText(`From version ${before} to the one in use`).waitFor();
assert.ok((await page.locator('.difference').innerText()).includes('+ id = "looks_often_never_buys"'));
await isAccessible(page, 'the versions');
await row(before).getByRole('button', { name: 'Go back to it…' }).click();
const undone = await page.locator('dialog .difference').innerText();
assert.ok(undone.includes('− id = "looks_often_never_buys"') && !/^\+ /m.test(undone), undone);
await page.getByRole('button', { name: 'Apply', exact: true }).click();
await page.getByText('Applied.').waitFor();
const restored = (await ask('/v1/rules')).body;
assert.deepEqual([restored.version, restored.text], [before, text]);
await versions.getByRole('row').nth(1).getByText('in use').waitFor();
assert.ok((await versions.getByRole('row').nth(1).innerText()).includes(before));

// Both changes are recorded, with who made them.
const changes = page.getByRole('region', { name: 'Changes' });
await changes.getByText('changed the rules').first().waitFor();
await until('both changes are in the list', async () => (await changes.getByText('changed the rules').count()) >= 2);
const told = await changes.innerText();
assert.ok(told.includes(`to ${before} from ${applied.version}`) && told.includes(`to ${applied.version} from ${before}`), told);
assert.match(told, /local 127\.0\.0\.1/);
const { body: { records } } = await ask('/v1/audit?limit=2');
assert.deepEqual(records.map((one) => [one.what, one.outcome, one.version]), [['rules_changed', 'done', before], ['rules_changed', 'done', applied.version]]);
await isWhole(page, 'the versions');
await isAccessible(page, 'the records of changes');
await close();
console.log('rules are edited, applied and undone');
