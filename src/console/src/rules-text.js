// Reading and writing segments in the text of a rules file, without touching anything else in it.

/** Where strings, comments and headings of a TOML text are: enough to find a table and the strings of its keys. */
function* lines(text) {
  let at = 0;
  let open = null;
  for (const line of text.split('\n')) {
    const from = at;
    at += line.length + 1;
    if (open) {
      if (line.includes(open)) open = null;
      continue;
    }
    yield { from, to: from + line.length, line };
    const multi = /=\s*("""|''')/.exec(line);
    if (multi && !line.slice(multi.index + multi[0].length).includes(multi[1])) open = multi[1];
  }
}

/** A string literal at the beginning of a text, and how long it is. */
function literal(text) {
  for (const quote of ['"""', "'''", '"', "'"]) {
    if (!text.startsWith(quote)) continue;
    let end = quote.length;
    while (end < text.length && !text.startsWith(quote, end)) end += quote[0] === '"' && text[end] === '\\' ? 2 : 1;
    const inner = text.slice(quote.length, end);
    return { value: quote[0] === '"' ? unescaped(inner) : inner.replace(/^\n/, ''), length: end + quote.length };
  }
  return null;
}

const unescaped = (text) => text.replace(/^\n/, '').replace(/\\\n\s*/g, '').replace(/\\(u[0-9a-fA-F]{4}|.)/g, (_, code) => ({ n: '\n', t: '\t' })[code] ?? (code.length === 5 ? String.fromCharCode(parseInt(code.slice(1), 16)) : code));

const written = (value) => `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', ' ')}"`;

/** The tables with a heading, in their order: `from`, `to`, and the keys whose values are strings. */
export function tables(text, heading) {
  const found = [];
  let open = null;
  for (const { from, to, line } of lines(text)) {
    if (/^\s*\[/.test(line)) {
      if (open) found.push(open);
      open = line.trim().replace(/\s*#.*$/, '') === heading ? { from, to, keys: {} } : null;
      continue;
    }
    const key = open && /^\s*([\w-]+)\s*=\s*/.exec(line);
    if (!key) continue;
    const start = from + key[0].length;
    const string = literal(text.slice(start));
    open.to = string ? Math.max(to, start + string.length) : to;
    if (string) open.keys[key[1]] = { value: string.value, from: start, to: start + string.length };
  }
  if (open) found.push(open);
  return found;
}

export function segmentsOf(text) {
  return tables(text, '[[segments]]').filter((one) => one.keys.id).map((one) => ({
    id: one.keys.id.value, description: one.keys.description?.value ?? '', when: one.keys.when?.value ?? '', per: one.keys.per?.value ?? null,
  }));
}

/** The names of `[events]`. */
export function eventsOf(text) {
  const names = [];
  let isInside = false;
  for (const { line } of lines(text)) {
    if (/^\s*\[/.test(line)) isInside = line.trim().startsWith('[events]');
    else if (isInside) names.push(/^\s*([a-z]\w*)\s*=/.exec(line)?.[1]);
  }
  return names.filter(Boolean);
}

/** The text with this segment: changed where it stands, or added after the last segment. */
export function withSegment(text, { id, description, when }) {
  const all = tables(text, '[[segments]]');
  const old = all.find((one) => one.keys.id?.value === id);
  if (old) {
    const changes = [['when', when], ['description', description]].map(([key, value]) => ({ key, value, at: old.keys[key] })).filter(({ at, value }) => at ? at.value !== value : value);
    return changes.sort((a, b) => (b.at?.from ?? old.to) - (a.at?.from ?? old.to)).reduce((result, { key, value, at }) => (
      at ? result.slice(0, at.from) + written(value) + result.slice(at.to) : `${result.slice(0, old.to)}\n${key} = ${written(value)}${result.slice(old.to)}`
    ), text);
  }
  const block = `[[segments]]\nid = ${written(id)}\n${description ? `description = ${written(description)}\n` : ''}when = ${written(when)}\n`;
  const last = all.at(-1);
  if (!last) return `${text.trimEnd()}\n\n${block}`;
  return `${text.slice(0, last.to)}\n\n${block.trimEnd()}${text.slice(last.to)}`;
}

/** Lines that differ between two texts, as a person reads them: `same`, `old` or `new`, with the unchanged ones left out but a few. */
export function difference(before, after) {
  const [a, b] = [before.split('\n'), after.split('\n')];
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a.at(-1 - end) === b.at(-1 - end)) end += 1;
  const middle = longestCommon(a.slice(start, a.length - end), b.slice(start, b.length - end));
  const context = (lines) => lines.map((line) => ({ kind: 'same', line }));
  if (!middle.some((one) => one.kind !== 'same')) return [];
  return [...context(a.slice(Math.max(0, start - 2), start)), ...middle, ...context(a.slice(a.length - end, a.length - end + 2))];
}

function longestCommon(a, b) {
  // Above this the table would be too large; then everything between the first and the last difference is shown as replaced.
  if (a.length * b.length > 400_000) return [...a.map((line) => ({ kind: 'old', line })), ...b.map((line) => ({ kind: 'new', line }))];
  const best = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i -= 1) for (let j = b.length - 1; j >= 0; j -= 1) best[i][j] = a[i] === b[j] ? best[i + 1][j + 1] + 1 : Math.max(best[i + 1][j], best[i][j + 1]);
  const result = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) { result.push({ kind: 'same', line: a[i] }); i += 1; j += 1; }
    else if (j >= b.length || (i < a.length && best[i + 1][j] >= best[i][j + 1])) { result.push({ kind: 'old', line: a[i] }); i += 1; }
    else { result.push({ kind: 'new', line: b[j] }); j += 1; }
  }
  return result;
}
