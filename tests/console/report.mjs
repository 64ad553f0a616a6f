// The page of `rekindle growth report`: on a desktop and a phone, in light and dark, it says what its figures say, fits, shows every
// column of every table, clips no label, says why what is empty is empty, and axe finds nothing.
// node report.mjs MODULES CHROMIUM FULL.html SHORT.html
import assert from 'node:assert/strict';
import { pathToFileURL } from 'node:url';
import { WIDTHS, base, close, isAccessible, isWhole, open, others } from './browser.mjs';

/** What stands over an edge: columns of tables, and labels of charts. */
const clipped = () => {
  const wrong = [];
  for (const box of document.querySelectorAll('.scroll')) if (box.scrollWidth > box.clientWidth) wrong.push(`a table is ${box.scrollWidth - box.clientWidth} px wider than its card: ${box.innerText.slice(0, 60)}`);
  for (const row of document.querySelectorAll('tr')) {
    const last = [...row.children].filter((cell) => cell.getClientRects().length).at(-1);
    if (last && last.getBoundingClientRect().right > innerWidth) wrong.push(`the last column ends beyond the page: ${row.innerText.slice(0, 60)}`);
  }
  for (const svg of document.querySelectorAll('.chart svg')) {
    const chart = svg.getBoundingClientRect();
    for (const text of svg.querySelectorAll('text')) {
      const label = text.getBoundingClientRect();
      if (label.width && (label.left < chart.left - 1 || label.right > chart.right + 1 || label.bottom > chart.bottom + 2)) wrong.push(`a label is clipped: ${text.textContent}`);
    }
  }
  return wrong;
};

for (const [file, isFull] of [[base, true], [others[0], false]]) {
  for (const [name, viewport] of Object.entries(WIDTHS)) {
    for (const colorScheme of ['light', 'dark']) {
      const what = `the ${isFull ? 'full' : 'short'} report on a ${name}, ${colorScheme}`;
      const page = await open({ viewport, colorScheme });
      await page.goto(pathToFileURL(file).href);
      const data = JSON.parse(await page.locator('#data').textContent());
      const { outlook, days } = data.numbers;
      const sentence = (await page.locator('.headline').innerText()).replaceAll('\u00a0', ' ').replaceAll('\u2060', '');
      assert.equal(sentence, outlook.headline.text, what);
      await page.getByText('How this was reasoned').click();
      assert.ok((await page.locator('details').first().innerText()).includes(outlook.headline.source), what);
      // Every figure, each with what it is compared with or why it is not.
      assert.equal(await page.locator('.cards .card').count(), outlook.figures.length, what);
      for (const text of await page.locator('.cards .card .by:last-child').allInnerTexts()) assert.match(text, / on the | on 30 days| complete days on|too few|not known yet|before: –|before$|earlier/, what);
      const charts = await page.locator('.chart svg').count();
      const text = await page.locator('main').innerText();
      if (isFull) {
        assert.ok(charts >= 8, `${what} has ${charts} charts`);
        assert.ok(outlook.figures.every((one) => one.unit === 'share' || one.before !== undefined), what);
        const [first] = outlook.unusual.flatMap((one) => (one.metric === 'revenue' ? [] : one.hours)).sort((a, b) => b.hour.localeCompare(a.hour));
        assert.ok(outlook.unusual[0].assessed_hours > 0 && (first ? text.includes(`${first.hour.slice(11, 13)}:00`) : text.includes('within the usual range')), what);
        // Weekly cohorts come before all else of retention.
        assert.ok(text.indexOf('Cohorts by week') < text.indexOf('Retention curve') && text.indexOf('Retention curve') < text.indexOf('Cohorts by day'), what);
        assert.match(text, /Did it work\?[\s\S]*cart reminder/i, what);
      } else {
        assert.equal(days.filter((one) => one.complete).length, 1, 'the short log has one complete day');
        for (const reason of ['Weeks are compared once there are 14 complete days; there is 1.', 'Too early to say: what is usual', 'compared from 60 complete days on; there is 1', 'The day after a cohort']) assert.ok(text.includes(reason), `${what}: “${reason}” is not in it`);
      }
      assert.deepEqual(await page.evaluate(clipped), [], what);
      await isWhole(page, what);
      await isAccessible(page, what);
      await page.context().close();
    }
  }
}
await close();
console.log('the reports are whole');
