// Conditions as rows of a form: what a row writes, how it reads, and which conditions can be read back into rows.

const COMPARE = { at_least: ['>=', 'at least'], at_most: ['<=', 'at most'], exactly: ['==', 'exactly'], more: ['>', 'more than'], fewer: ['<', 'fewer than'] };
const byOperator = Object.fromEntries(Object.entries(COMPARE).map(([id, [operator]]) => [operator, id]));
export const COMPARISONS = Object.entries(COMPARE).map(([id, [, text]]) => [id, text]);
export const UNITS = [['m', 'minutes'], ['h', 'hours'], ['d', 'days'], ['w', 'weeks']];
const unitName = (unit, n) => { const name = Object.fromEntries(UNITS)[unit] ?? unit; return Number(n) === 1 ? name.slice(0, -1) : name; };
const span = (row) => `'${row.length}${row.unit}'`;
const spanText = (row) => `${row.length} ${unitName(row.unit, row.length)}`;
const quoted = (text) => `'${String(text).replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
const unquoted = (text) => text.slice(1, -1).replace(/\\(.)/g, '$1');
const LENGTH = String.raw`(\d+)([mhdw])`;
const STRING = String.raw`('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")`;
const NAME = String.raw`([a-z]\w*)`;
const NUMBER = String.raw`(-?\d+(?:\.\d+)?)`;
const OPERATOR = '(>=|<=|==|>|<)';
const pattern = (...parts) => new RegExp(`^${parts.join(String.raw`\s*`)}$`);
const lengthOf = (length, unit) => ({ length, unit });

/** Kinds of rows. `read` lists the forms of conditions that a row stands for. */
export const KINDS = {
  did: {
    name: 'did something, so many times',
    start: { event: '', compare: 'at_least', times: '1', length: '7', unit: 'd' },
    write: (row) => `count(${row.event}, ${span(row)}) ${COMPARE[row.compare][0]} ${row.times}`,
    text: (row) => `did “${row.event}” ${COMPARE[row.compare][1]} ${row.times} ${Number(row.times) === 1 ? 'time' : 'times'} within ${spanText(row)}`,
    read: [[pattern(String.raw`count\(`, NAME, ',', `'${LENGTH}'`, String.raw`\)`, OPERATOR, NUMBER), ([, event, length, unit, operator, times]) => ({ event, ...lengthOf(length, unit), compare: byOperator[operator], times })]],
  },
  ever: {
    name: 'ever did something, so many times',
    start: { event: '', compare: 'at_least', times: '1' },
    write: (row) => `total(${row.event}) ${COMPARE[row.compare][0]} ${row.times}`,
    text: (row) => (row.times === '0' && ['exactly', 'at_most'].includes(row.compare) ? `never did “${row.event}”` : `ever did “${row.event}” ${COMPARE[row.compare][1]} ${row.times} ${Number(row.times) === 1 ? 'time' : 'times'}`),
    read: [[pattern(String.raw`total\(`, NAME, String.raw`\)`, OPERATOR, NUMBER), ([, event, operator, times]) => ({ event, compare: byOperator[operator], times })]],
  },
  spent: {
    name: 'sum of a property, like money spent',
    start: { event: '', property: 'total', compare: 'at_least', times: '100', length: '30', unit: 'd' },
    write: (row) => `sum(${row.event}.${row.property}, ${span(row)}) ${COMPARE[row.compare][0]} ${row.times}`,
    text: (row) => `has, within ${spanText(row)}, ${COMPARE[row.compare][1]} ${row.times} as the sum of “${row.property}” over “${row.event}”`,
    read: [[pattern(String.raw`sum\(`, String.raw`([a-z]\w*)\.([\w.]+)`, ',', `'${LENGTH}'`, String.raw`\)`, OPERATOR, NUMBER), ([, event, property, length, unit, operator, times]) => ({ event, property, ...lengthOf(length, unit), compare: byOperator[operator], times })]],
  },
  since: {
    name: 'last did something, so long ago',
    start: { event: '', compare: 'at_least', length: '30', unit: 'd' },
    write: (row) => `since(${row.event}) ${COMPARE[row.compare][0]} duration(${span(row)})`,
    text: (row) => `last did “${row.event}” ${row.compare === 'fewer' ? 'less than' : COMPARE[row.compare][1]} ${spanText(row)} ago${['at_least', 'more'].includes(row.compare) ? ' (or never)' : ''}`,
    read: [[pattern(String.raw`since\(`, NAME, String.raw`\)`, OPERATOR, String.raw`duration\(`, `'${LENGTH}'`, String.raw`\)`), ([, event, operator, length, unit]) => ({ event, compare: byOperator[operator], ...lengthOf(length, unit) })]],
  },
  idle: {
    name: 'has done nothing at all for so long',
    start: { compare: 'at_least', length: '14', unit: 'd' },
    write: (row) => `idle() ${COMPARE[row.compare][0]} duration(${span(row)})`,
    text: (row) => `was last here ${row.compare === 'fewer' ? 'less than' : COMPARE[row.compare][1]} ${spanText(row)} ago`,
    read: [[pattern(String.raw`idle\(\)`, OPERATOR, String.raw`duration\(`, `'${LENGTH}'`, String.raw`\)`), ([, operator, length, unit]) => ({ compare: byOperator[operator], ...lengthOf(length, unit) })]],
  },
  age: {
    name: 'was first seen so long ago',
    start: { compare: 'fewer', length: '1', unit: 'd' },
    write: (row) => `age() ${COMPARE[row.compare][0]} duration(${span(row)})`,
    text: (row) => `was first seen ${row.compare === 'fewer' ? 'less than' : COMPARE[row.compare][1]} ${spanText(row)} ago`,
    read: [[pattern(String.raw`age\(\)`, OPERATOR, String.raw`duration\(`, `'${LENGTH}'`, String.raw`\)`), ([, operator, length, unit]) => ({ compare: byOperator[operator], ...lengthOf(length, unit) })]],
  },
  trait: {
    name: 'has a trait with a value',
    start: { trait: '', compare: 'is', value: '' },
    write: (row) => `traits.${row.trait} ${row.compare === 'is' ? '==' : '!='} ${/^(true|false|-?\d+(\.\d+)?)$/.test(row.value) ? row.value : quoted(row.value)}`,
    text: (row) => `has a trait “${row.trait}” that is ${row.compare === 'is' ? '' : 'not '}${row.value}`,
    read: [[pattern(String.raw`traits\.(\w+)`, '(==|!=)', `(?:${STRING}|(true|false|-?\\d+(?:\\.\\d+)?))`), ([, trait, operator, text, plain]) => ({ trait, compare: operator === '==' ? 'is' : 'is_not', value: plain ?? unquoted(text) })]],
  },
  has: {
    name: 'a trait is known, or is not',
    start: { trait: '', compare: 'is' },
    write: (row) => `${row.compare === 'is' ? '' : '!'}has(traits.${row.trait})`,
    text: (row) => `has ${row.compare === 'is' ? 'a' : 'no'} trait “${row.trait}”`,
    read: [[pattern('(!?)', String.raw`has\(`, String.raw`traits\.(\w+)`, String.raw`\)`), ([, not, trait]) => ({ trait, compare: not ? 'is_not' : 'is' })]],
  },
  segment: {
    name: 'is in another segment, or is not',
    start: { segment: '', compare: 'is' },
    write: (row) => `${row.compare === 'is' ? '' : '!'}in_segment(${quoted(row.segment)})`,
    text: (row) => `is ${row.compare === 'is' ? '' : 'not '}in “${row.segment}”`,
    read: [[pattern('(!?)', String.raw`in_segment\(`, STRING, String.raw`\)`), ([, not, text]) => ({ segment: unquoted(text), compare: not ? 'is_not' : 'is' })]],
  },
  text: {
    name: 'something else, as a formula',
    start: { formula: '' },
    write: (row) => (/\|\||&&/.test(row.formula) ? `(${row.formula})` : row.formula),
    text: (row) => `fits the formula ${row.formula}`,
    read: [],
  },
};

/** A condition without its comments, split at its outermost `&&` or `||`, if it has one kind of these only. */
function split(condition) {
  const parts = [''];
  const joins = new Set();
  let depth = 0;
  for (let at = 0; at < condition.length; at += 1) {
    const string = /^("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')/.exec(condition.slice(at));
    if (string) { parts.push(parts.pop() + string[0]); at += string[0].length - 1; continue; }
    const two = condition.slice(at, at + 2);
    if (two === '//') { while (at + 1 < condition.length && condition[at + 1] !== '\n') at += 1; continue; }
    if ('([{'.includes(condition[at])) depth += 1;
    if (')]}'.includes(condition[at])) depth -= 1;
    if (depth === 0 && (two === '&&' || two === '||')) { joins.add(two); parts.push(''); at += 1; continue; }
    parts.push(parts.pop() + condition[at]);
  }
  return joins.size > 1 ? { join: 'all', parts: [condition.trim()] } : { join: joins.has('||') ? 'any' : 'all', parts: parts.map((part) => part.trim()) };
}

/** Without brackets around the whole. */
function bare(part) {
  if (!part.startsWith('(') || !part.endsWith(')')) return part;
  let depth = 0;
  for (let at = 0; at < part.length - 1; at += 1) {
    if (part[at] === '(') depth += 1;
    if (part[at] === ')') depth -= 1;
    if (depth === 0) return part;
  }
  return part.slice(1, -1).trim();
}

function readRow(part) {
  for (const [kind, { read }] of Object.entries(KINDS)) {
    for (const [form, fields] of read) {
      const found = form.exec(part);
      if (found) return { kind, ...fields(found) };
    }
  }
  return { kind: 'text', formula: bare(part) };
}

/** The rows of a condition; what no row stands for is a formula. */
export function readCondition(condition) {
  const { join, parts } = split(condition);
  return { join, rows: parts.filter(Boolean).map(readRow) };
}

export function writeCondition({ join, rows }) {
  return rows.map((row) => KINDS[row.kind].write(row)).join(join === 'any' ? ' || ' : ' && ');
}

/** The condition as a sentence. */
export function readAloud({ join, rows }) {
  const list = rows.map((row) => KINDS[row.kind].text(row));
  return list.length ? `Everybody who ${list.join(join === 'any' ? ', or who ' : ', and who ')}.` : '';
}

/** A clause of an explanation, which names lengths of time without quotes, in plain words; null where it says more than a row can. */
export function plainClause(text) {
  const condition = text.replace(/, (\d+[mhdw])\)/g, ", '$1')").replace(/(>=|<=|==|>|<) (\d+[mhdw])$/, "$1 duration('$2')");
  const row = readRow(condition);
  return row.kind === 'text' ? null : KINDS[row.kind].text(row);
}

/** Whether every field of the row is filled in. */
export const isComplete = (row) => Object.keys(KINDS[row.kind].start).every((field) => String(row[field] ?? '').trim() !== '');
