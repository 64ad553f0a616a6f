// What the form builder reads and writes, without a browser: node forms.mjs RULES
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { isComplete, plainClause, readAloud, readCondition, writeCondition } from '../../src/console/src/builder-model.js';
import { difference, eventsOf, segmentsOf, withSegment } from '../../src/console/src/rules-text.js';

// Each condition comes back as it was written, and none of these needs a formula.
const conditions = [
  "count(view, '7d') >= 3", 'total(order) == 0', "sum(order.total, '90d') > 500", "since(order) >= duration('60d')", "idle() >= duration('14d')",
  "age() < duration('1d')", "traits.tier == 'gold'", 'traits.newsletter == true', '!has(traits.email)', "!in_segment('dormant')", "traits.name == 'O\\'Neill'",
];
for (const condition of conditions) {
  const form = readCondition(condition);
  assert.notEqual(form.rows[0].kind, 'text', condition);
  assert.ok(form.rows.every(isComplete), condition);
  assert.equal(writeCondition(form), condition);
  assert.match(readAloud(form), /^Everybody who .+\.$/);
}
const both = conditions.slice(0, 4).join(' && ');
assert.deepEqual(readCondition(both).rows.map((row) => row.kind), ['did', 'ever', 'spent', 'since']);
assert.equal(writeCondition(readCondition(both)), both);
const either = readCondition("total(order) >= 3 || (traits.tier in ['a || b'] && idle() < duration('1d'))");
assert.equal(either.join, 'any');
assert.equal(either.rows[1].kind, 'text');
assert.equal(writeCondition(either), "total(order) >= 3 || (traits.tier in ['a || b'] && idle() < duration('1d'))");
assert.equal(readCondition('a == 1 && b == 2 || c == 3').rows.length, 1, 'and-before-or is not torn apart');
assert.equal(isComplete({ kind: 'did', event: '', compare: 'at_least', times: '1', length: '7', unit: 'd' }), false);
assert.equal(plainClause('idle() >= 45d'), 'was last here at least 45 days ago');
assert.equal(plainClause('count(view, 30m) >= 6'), 'did “view” at least 6 times within 30 minutes');
assert.equal(plainClause('usual_gap(order) * 2 > since(order)'), null);

// The starter pack: every segment is found; writing one back changes nothing; changing one changes its line only.
const pack = readFileSync(process.argv[2], 'utf8');
const segments = segmentsOf(pack);
assert.equal(segments.length, pack.match(/^\[\[segments\]\]$/gm).length);
assert.ok(eventsOf(pack).includes('order'));
for (const segment of segments) assert.equal(withSegment(pack, segment), pack, segment.id);
const changed = withSegment(pack, { ...segments.find((one) => one.id === 'churned'), when: "idle() >= duration('60d')" });
const lines = difference(pack, changed).filter((one) => one.kind !== 'same');
assert.deepEqual(lines.map((one) => one.kind), ['old', 'new']);
assert.match(lines[1].line, /^when = "idle\(\) >= duration\('60d'\)"/);
const added = withSegment(pack, { id: 'fresh', description: 'Says "hello"', when: "traits.tier == 'gold'" });
assert.equal(segmentsOf(added).find((one) => one.id === 'fresh').description, 'Says "hello"');
assert.equal(difference(pack, added).filter((one) => one.kind === 'old').length, 0);
assert.deepEqual(segmentsOf('[[segments]]\nid = "a"\nwhen = """\nidle() >= duration(\'1d\')\n  && true"""\n[events]\nx = "[[segments]]"\n').map((one) => [one.id, one.when]), [['a', "idle() >= duration('1d')\n  && true"]]);
console.log('the forms read and write');
