// Rules in the editor: a mistake shows at its place, completion offers what fits, the form writes a segment and reads it back.
import assert from 'node:assert/strict';
import { ask, base, close, isAccessible, isWhole, open } from './browser.mjs';

const { body: { text } } = await ask('/v1/rules');
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
await close();
console.log('rules are edited');
