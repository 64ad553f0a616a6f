// What the editor offers while somebody types: headings, keys of the table, functions, and the names that the file and the log have.

const CONDITION = /(?:^|[{,]\s*|\s)(?:when|if|where|cost|amount)\s*=\s*("""|'''|"|')([^]*)$/;
const TERM = /(?:let|payload_from)\s*=\s*\{[^}]*=\s*("|')([^]*)$/;

const options = (names, type, detail) => (names ?? []).map((label) => ({ label, type, detail }));

/** The heading above a place. */
function heading(before) {
  const all = [...before.matchAll(/^\s*(\[+[\w.-]+\]+)/gm)];
  return all.at(-1)?.[1] ?? '';
}

/** The text of the condition around a place, up to there; null outside conditions. */
function openCondition(before) {
  const near = before.slice(-4000);
  const block = near.slice(near.lastIndexOf('\n[') + 1);
  const line = block.slice(block.lastIndexOf('\n') + 1);
  for (const text of [line, block]) {
    const found = CONDITION.exec(text) ?? TERM.exec(text);
    if (!found) continue;
    const [, quote, rest] = found;
    if (quote.length === 1 && (text !== line || rest.includes(quote))) continue;
    if (quote.length === 3 && rest.includes(quote)) continue;
    return rest;
  }
  return null;
}

function inCondition(context, text, words) {
  const { names = {}, reference } = words;
  const quoted = /(\w+)\(\s*(?:[^()']*,\s*)?'([\w-]*)$/.exec(text);
  if (quoted) {
    const of = { in_segment: names.segments, keys_in: names.segments, balance: names.ledgers, earned: names.ledgers, spent: names.ledgers, expiring: names.ledgers, p_alive: names.models, expected: names.models, clv: names.models }[quoted[1]];
    const spans = ['30m', '1h', '1d', '7d', '30d', '90d', '365d', 'today', 'this_week', 'this_month', 'last_month'];
    return { from: context.pos - quoted[2].length, options: of && !/,/.test(quoted[0]) ? options(of, 'constant') : options(spans, 'constant', 'length of time') };
  }
  const property = /\b(\w+)\.([\w.]*)$/.exec(text);
  if (property) {
    const of = property[1] === 'traits' ? names.traits : property[1] === 'user' ? null : names.properties?.[property[1]];
    return of ? { from: context.pos - property[2].length, options: options(of, 'property') } : null;
  }
  const word = /[A-Za-z_]\w*$/.exec(text);
  if (!word && !context.explicit) return null;
  const isArgument = /\w\(\s*[\w.]*$/.test(text);
  const functions = (reference?.functions ?? []).map((one) => ({
    label: one.form ?? `${one.name}()`, apply: `${one.name}(`, type: 'function', info: one.text ?? one.description, boost: isArgument ? -1 : 1,
  }));
  return { from: context.pos - (word?.[0].length ?? 0), options: [...options(names.events, 'variable', 'event'), ...functions, ...options(['traits.', 'true', 'false'], 'keyword')] };
}

function outsideConditions(context, before, words) {
  const { names = {}, reference } = words;
  const line = before.slice(before.lastIndexOf('\n') + 1);
  const tables = reference?.tables ?? [];
  if (/^\s*\[*[\w.]*$/.test(line) && /^\s*\[/.test(line)) {
    return { from: context.pos - line.trimStart().length, options: tables.filter((one) => one.heading.startsWith('[')).map((one) => ({ label: one.heading, type: 'class', info: one.text })) };
  }
  const on = /\bon\s*=\s*"((?:enter|exit|event)?:?)([\w-]*)$/.exec(line);
  if (on) {
    const triggers = [...(names.segments ?? []).flatMap((id) => [`enter:${id}`, `exit:${id}`]), ...(names.events ?? []).map((id) => `event:${id}`)];
    const plain = /campaigns/.test(heading(before)) ? triggers : names.events;
    return { from: context.pos - on[1].length - on[2].length, options: options(plain, 'constant') };
  }
  const text = /\b(channel|per|ledger|budget|segment)\s*=\s*"([\w-]*)$/.exec(line);
  if (text) return { from: context.pos - text[2].length, options: options({ channel: names.channels, per: names.per, ledger: names.ledgers, budget: names.budgets, segment: names.segments }[text[1]], 'constant') };
  const key = /^\s*([\w-]*)$/.exec(line);
  if (key && (key[1] || context.explicit)) {
    const table = tables.find((one) => one.heading === heading(before));
    const keys = (table?.keys ?? []).map((one) => ({ label: one.key, apply: `${one.key} = `, type: 'property', info: [one.text, one.default && `Default: ${one.default}`].filter(Boolean).join(' ') }));
    return keys.length ? { from: context.pos - key[1].length, options: keys } : null;
  }
  return null;
}

export function complete(context, words) {
  const before = context.state.sliceDoc(0, context.pos);
  const text = openCondition(before);
  const found = text === null ? outsideConditions(context, before, words) : inCondition(context, text, words);
  return found?.options.length ? { ...found, validFor: /^[\w-]*$/ } : null;
}
