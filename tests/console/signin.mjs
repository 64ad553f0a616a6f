// Signing in with the token that may change things and with the one that may look: node signin.mjs MODULES CHROMIUM URL TOKEN READ_TOKEN USER
import assert from 'node:assert/strict';
import { WIDTHS, base, close, isAccessible, isWhole, open, others } from './browser.mjs';

const [token, readToken, user] = others;
const page = await open({ viewport: WIDTHS.phone });
await page.goto(`${base}/#/people/${user}`);
const field = page.getByLabel('Token');
await field.waitFor();
await isAccessible(page, 'the sign-in page');

await field.fill(`${token}x`);
await page.getByRole('button', { name: 'Sign in' }).click();
await page.getByText('This is not the token.').waitFor();

// Whoever may look sees the person, and no button that changes anything.
await field.fill(readToken);
await page.getByRole('button', { name: 'Sign in' }).click();
await page.getByRole('heading', { name: user, exact: true }).waitFor();
await page.getByRole('button', { name: 'Export' }).waitFor();
assert.equal(await page.getByRole('button', { name: 'Forget…' }).count(), 0);
await page.goto(`${base}/#/rules`);
await page.getByRole('tab', { name: 'Build a segment' }).click();
await page.getByLabel('Name').waitFor();
assert.equal(await page.getByRole('button', { name: 'Write it into the rules' }).count(), 0);
const refused = await page.evaluate(async (id) => (await fetch(`/v1/users/${id}`, { method: 'DELETE' })).status, user);
assert.equal(refused, 403, 'the daemon refuses it as well');

// The cookie is for the server only, and goes when one signs out.
assert.equal(await page.evaluate(() => document.cookie), '');
await page.setViewportSize(WIDTHS.desktop);
await page.getByText('You may look, not change').waitFor();
await page.getByRole('button', { name: 'Sign out' }).click();
await field.waitFor();
assert.equal(await page.evaluate(async () => (await fetch('/v1/stats')).status), 401);

// Whoever may change things does; after a reload of the page as well.
await field.fill(token);
await page.getByRole('button', { name: 'Sign in' }).click();
await page.getByText('You may change things').waitFor();
await page.reload();
await page.goto(`${base}/#/people/${user}`);
await page.getByRole('button', { name: 'Forget…' }).waitFor();
await isWhole(page, 'signing in');
await close();
console.log('tokens and roles');
