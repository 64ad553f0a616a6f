// docs/why-no-mail.md, followed literally: each numbered step is done with the words that it names, in the demo.
// node why_no_mail.mjs MODULES CHROMIUM URL GUIDE [FOLDER]    with a folder, its pictures are taken anew
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { ask, base, close, isAccessible, isWhole, open, others, until } from './browser.mjs';

const [file, folder] = others;
const guide = readFileSync(file, 'utf8');
const steps = new Map([...guide.matchAll(/^(\d+)\. ((?:.+\n)(?: {3}.+\n)*)/gm)].map(([, number, text]) => [Number(number), text]));
/** Does a step, whose words in italics must be these: what the page shows, or what is pressed. */
async function follow(number, words, act) {
  assert.deepEqual([...steps.get(number).matchAll(/\*([^*]+)\*/g)].map(([, word]) => word), words, `step ${number} says something else`);
  await act();
  await isWhole(page, `step ${number}`);
}
async function picture(name) {
  assert.ok(guide.includes(`console/why-no-mail-${name}.png`), name);
  if (folder) await page.screenshot({ path: `${folder}/why-no-mail-${name}.png` });
}

const page = await open({ viewport: { width: 1180, height: 860 } });
page.setDefaultTimeout(240_000);
await page.goto(base);
const link = (name) => page.getByRole('navigation').getByRole('link', { name }).click();
const tab = (name) => page.getByRole('tab', { name }).click();
const button = (name) => page.getByRole('button', { name, exact: true }).click();
/** The lines of the feed about one outcome. */
const lines = (outcome) => page.locator('.feed li', { has: page.getByText(outcome, { exact: true }), hasText: 'cart_reminder' });
const filter = async () => {
  const asked = page.waitForRequest((request) => /\/v1\/live\?.*kinds=decision&.*campaign=cart_reminder/.test(request.url()));
  await page.getByLabel('Show').selectOption({ label: 'decisions' });
  await page.getByLabel('Campaign').selectOption({ label: 'cart_reminder' });
  await asked;
};
/** The decision of the reminder at one of these outcomes, opened. */
const decision = async (outcome) => {
  const found = page.locator('details.why', { has: page.locator('summary', { hasText: /cart_reminder/ }) }).filter({ has: page.locator('summary').getByText(outcome, { exact: true }) }).first();
  await found.locator('summary').click();
  return found;
};
/** Somebody in the feed about whom the reminder was decided so, with a step that says this. */
const somebody = async (outcome, says) => {
  let found;
  await until(`${outcome}: ${says}`, async () => {
    for (const user of new Set(await lines(outcome).locator('a.id[href*="/people/"]').allInnerTexts())) {
      const { status, body } = await ask(`/v1/users/${encodeURIComponent(user)}/explain?campaign=cart_reminder`);
      if (status === 200 && body.campaigns.some((one) => one.outcome === (outcome === 'sent' ? 'sent' : 'capped') && one.steps.some((step) => says.test(step.sentence)))) found = user;
    }
    return found;
  }, 240_000);
  return found;
};
let shopper;
const { body: before } = await ask('/v1/rules');

await follow(1, ['Live', 'decisions', 'Show', 'cart_reminder', 'Campaign', 'enough messages', 'Pause', 'People'], async () => {
  await link('Live');
  await filter();
  shopper = await somebody('enough messages', /cap: 1 of 1 actions by email within 1d/);
  await button('Pause');
});
await follow(2, ['Messages and why', 'cart_reminder', 'this decided'], async () => {
  await page.locator('.feed').getByRole('link', { name: shopper, exact: true }).first().click();
  await tab('Messages and why');
  const found = await decision('enough messages');
  await found.getByText('this decided').waitFor();
  assert.match(await found.locator('.clause.fails').first().innerText(), /cap: 1 of 1 actions by email within 1d; next free at/);
  await isAccessible(page, 'why a message did not come');
  await found.scrollIntoViewIfNeeded();
  await picture('why');
});
await follow(3, ['Rules', 'All rules', 'No mistakes.'], async () => {
  await link('Rules');
  await tab('All rules');
  await page.getByText('No mistakes.').waitFor();
  await page.locator('.cm-content').click();
  await page.keyboard.press('Control+End');
  await page.locator('.cm-line', { hasText: /^max = 1$/ }).last().click();
  await page.keyboard.press('End');
  await page.keyboard.press('Backspace');
  await page.keyboard.type('2');
  await page.getByText('No mistakes.').waitFor();
  await page.getByRole('button', { name: 'Try it', exact: true }).waitFor();
  await picture('rule');
});
await follow(4, ['Try it', 'Run it'], async () => {
  await button('Try it');
  await button('Run it');
  await page.getByText('What it would have done').waitFor();
  const said = await page.locator('p.headline').innerText();
  assert.match(said, /would have been different for \d+ (person|people): \d+ (person|people) would have got more messages/, said);
  assert.ok(Number(/: (\d+)/.exec(said)[1]) > 0, said);
  await page.getByText('cart_reminder').first().waitFor();
  await isAccessible(page, 'whom a change would have reached');
  await page.getByText('What it would have done').scrollIntoViewIfNeeded();
  await picture('try');
});
await follow(5, ['Apply this change…', 'Begin now.', 'Apply', 'Applied.'], async () => {
  await button('Apply this change…');
  const changed = (await page.locator('dialog .difference').innerText()).split('\n').filter((line) => /^[+−]/.test(line));
  assert.deepEqual(changed, ['− max = 1', '+ max = 2']);
  assert.ok(await page.getByText('Begin now.').isVisible());
  await button('Apply');
  await page.getByText('Applied.').waitFor();
  const { body: after } = await ask('/v1/rules');
  assert.notEqual(after.version, before.version);
});
await follow(6, ['Live', 'decisions', 'cart_reminder', 'sent', 'Messages and why', 'cap'], async () => {
  await link('Live');
  await filter();
  // The first of them who had an e-mail on the same day.
  const second = await somebody('sent', /cap: 1 of 2 actions by email within 1d/);
  await page.locator('.feed').getByRole('link', { name: second, exact: true }).first().click();
  await tab('Messages and why');
  const found = await decision('sent');
  assert.match(await found.innerText(), /cap: \d of 2 actions by email within 1d/);
  await found.scrollIntoViewIfNeeded();
  await picture('sent');
});
await close();
console.log('the guide is followed');
