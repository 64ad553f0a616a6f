// Highlighting of rules files: TOML, and in the strings of some keys conditions.
import { StreamLanguage } from '@codemirror/language';

/** Keys whose strings are conditions or terms, wherever they stand. */
const CONDITION_KEYS = new Set(['when', 'if', 'where', 'cost', 'amount']);
/** Inline tables whose strings are all terms. */
const TERM_TABLES = new Set(['let', 'payload_from']);

const TOKENS = [
  [/^\/\/.*/, 'comment'],
  [/^\d+(\.\d+)?/, 'number'],
  [/^(true|false|null)\b/, 'bool'],
  [/^[A-Za-z_]\w*(?=\s*\()/, 'variableName.function'],
  [/^in\b/, 'operator'],
  [/^[A-Za-z_]\w*/, 'variableName'],
  [/^(&&|\|\||[<>=!]=|[<>!+\-*/])/, 'operator'],
];

/** A token of a condition, up to the quote that ends the string around it. */
function condition(stream, state) {
  if (stream.match(state.quote)) {
    Object.assign(state, { quote: null, isCondition: false });
    return 'string';
  }
  const inner = state.quote[0] === '"' ? /^'[^']*'/ : /^"[^"]*"/;
  if (stream.match(inner)) return 'string';
  for (const [pattern, token] of TOKENS) if (stream.match(pattern)) return token;
  if (stream.eat('\\')) stream.next();
  else stream.next();
  return null;
}

/** The rest of a plain string. */
function string(stream, state) {
  while (!stream.eol()) {
    if (stream.match(state.quote)) {
      state.quote = null;
      return 'string';
    }
    if (state.quote[0] === '"' && stream.eat('\\')) stream.next();
    else stream.next();
  }
  if (state.quote.length === 1) state.quote = null;
  return 'string';
}

function token(stream, state) {
  if (state.quote) return state.isCondition ? condition(stream, state) : string(stream, state);
  if (stream.sol()) state.isKey = true;
  if (stream.eatSpace()) return null;
  if (stream.match(/^#.*/)) return 'comment';
  if (state.depth === 0 && stream.sol() && stream.match(/^\s*\[+[^\]]*\]+/)) return 'heading';
  const opened = stream.match(/^("""|'''|"|')/);
  if (opened) {
    state.quote = opened[0];
    state.isCondition = CONDITION_KEYS.has(state.key) || TERM_TABLES.has(state.outer);
    return 'string';
  }
  if (stream.match(/^[\w-]+(\.[\w-]+)*(?=\s*=)/)) {
    state.key = stream.current();
    if (state.depth === 0) state.outer = state.key;
    else if (TERM_TABLES.has(state.key)) state.outer = state.key;
    return 'propertyName';
  }
  if (stream.match(/^(true|false)\b/)) return 'bool';
  if (stream.match(/^[+-]?\d[\w.:+-]*/)) return 'number';
  const bracket = stream.next();
  if ('[{'.includes(bracket)) state.depth += 1;
  if (']}'.includes(bracket)) state.depth = Math.max(0, state.depth - 1);
  if (state.depth === 0 && bracket === '}') state.outer = null;
  return null;
}

export const rulesLanguage = StreamLanguage.define({
  name: 'rules',
  startState: () => ({ quote: null, isCondition: false, key: null, outer: null, depth: 0 }),
  token,
  blankLine() {},
  languageData: { commentTokens: { line: '#' }, closeBrackets: { brackets: ['(', '[', '{', "'", '"'] } },
});
