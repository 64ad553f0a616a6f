// A rule is edited and tried over the last days: what the page shows is what the API finds, with the people whom it would concern.
// A folder as a further argument gets screenshots.
import assert from 'node:assert/strict';
import { WIDTHS, ask, base, close, isAccessible, isWhole, open, others, until } from './browser.mjs';

const WRITTEN = `
[[segments]]
id = "lookers"
description = "Looked at three products within a week"
when = "count(view, '7d') >= 3"

[[campaigns]]
id = "look_again"
on = "enter:lookers"
channel = "email"
`;
const DAYS = 7;
/** A whole log is read, perhaps by a binary without optimisation on a busy machine. */
const LIMIT_MS = 240_000;

const { body: { text, version } } = await ask('/v1/rules');
const { body: { watermark: to } } = await ask('/v1/stats');
const from = new Date(Date.parse(to) - DAYS * 86_400_000).toISOString();

/** What the API finds of the same edit. */
async function tried() {
  const body = JSON.stringify({ text: text + WRITTEN, from, to });
  const begun = await ask('/v1/rules/backtest', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
  assert.equal(begun.status, 202, JSON.stringify(begun.body));
  let job;
  await until('the backtest has a result', async () => {
    job = (await ask(`/v1/rules/backtest/${begun.body.id}`)).body;
    return job.state !== 'running';
  }, LIMIT_MS);
  assert.equal(job.state, 'done', job.error);
  return job.result;
}

const result = await tried();
const segment = result.segments.find((one) => one.segment === 'lookers');
const sent = result.campaigns.find((one) => one.campaign === 'look_again').outcomes.new.sent;
assert.ok(segment.members.only_new > 10 && sent > 10 && result.differences.people > 10, 'the shop has some who look');
const count = (number) => new Intl.NumberFormat('en').format(number);

for (const [name, viewport] of Object.entries(WIDTHS)) {
  const page = await open({ viewport });
  await page.goto(`${base}/#/rules`);
  const code = page.locator('.cm-content');
  await code.waitFor();
  await page.getByText('No mistakes.').waitFor();
  await code.click();
  await page.keyboard.press('Control+End');
  await page.keyboard.insertText(WRITTEN);
  await page.getByRole('button', { name: 'Try it', exact: true }).click();
  await page.getByLabel('Over the last').selectOption(String(DAYS));
  await page.getByRole('button', { name: 'Run it' }).click();
  await page.getByRole('heading', { name: 'What it would have done' }).waitFor({ timeout: LIMIT_MS });
  const main = await page.locator('main').innerText();
  const headline = await page.locator('.headline').innerText();
  assert.ok(headline.includes(`different for ${count(result.differences.people)} people`), headline);
  assert.ok(headline.includes(`${count(result.differences.more_messages)} people would have got more messages`), headline);
  assert.ok(main.includes(`${count(segment.members.only_new)} only by the change`), main);
  const row = page.getByRole('region', { name: 'Campaigns', exact: true }).getByRole('row').filter({ hasText: 'look_again' }).filter({ hasText: count(sent) });
  await row.first().waitFor();
  assert.ok(main.includes(result.differences.note), 'it says how far that is exact');
  await isWhole(page, `a tried rule on a ${name}`);
  await isAccessible(page, `a tried rule on a ${name}`);
  if (others[0]) await page.screenshot({ path: `${others[0]}/tryit-${name}.png`, fullPage: true });
  // Each is explained by both rules, from the log.
  await page.getByRole('button', { name: /^Why .*, by both rules\?$/ }).first().click();
  await page.locator('.both').getByRole('heading', { name: /, by the change$/ }).waitFor();
  await page.locator('.both details.why').first().waitFor({ timeout: LIMIT_MS });
  await isWhole(page, `a person by both rules on a ${name}`);
  await isAccessible(page, `a person by both rules on a ${name}`);
  if (others[0]) await page.locator('.both').screenshot({ path: `${others[0]}/tryit-why-${name}.png` });
  // The people are real: each is a click away.
  const [person] = segment.members.people_only_new;
  await page.locator('main').getByRole('link', { name: person, exact: true }).first().click();
  await page.waitForURL(new RegExp(`#/people/${encodeURIComponent(person)}`));
  await page.getByRole('heading', { name: person }).first().waitFor();
  await page.context().close();
}
assert.equal((await ask('/v1/rules')).body.version, version, 'nothing has changed');
await close();
console.log('a rule is tried');
