// The rules editor: CodeMirror, in a shadow root, where its styles are constructed style sheets that a strict policy permits.
import { acceptCompletion, autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { HighlightStyle, bracketMatching, indentUnit, syntaxHighlighting } from '@codemirror/language';
import { forceLinting, linter, lintGutter, lintKeymap } from '@codemirror/lint';
import { highlightSelectionMatches, search, searchKeymap } from '@codemirror/search';
import { EditorState } from '@codemirror/state';
import { EditorView, drawSelection, highlightActiveLine, highlightActiveLineGutter, keymap, lineNumbers } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { complete } from './editor/completion.js';
import { rulesLanguage } from './editor/language.js';

const colors = HighlightStyle.define([
  { tag: tags.heading, color: 'var(--code-heading)', fontWeight: '600' },
  { tag: tags.propertyName, color: 'var(--code-key)' },
  { tag: tags.string, color: 'var(--code-string)' },
  { tag: [tags.number, tags.bool], color: 'var(--code-number)' },
  { tag: tags.function(tags.variableName), color: 'var(--code-function)' },
  { tag: tags.variableName, color: 'var(--code-name)' },
  { tag: tags.operator, color: 'var(--ink)', fontWeight: '600' },
  { tag: tags.comment, color: 'var(--soft)' },
]);

const theme = EditorView.theme({
  '&': { height: '100%', fontSize: '14px', background: 'var(--paper)', color: 'var(--ink)' },
  '&.cm-focused': { outline: '2px solid var(--focus)', outlineOffset: '-2px' },
  '.cm-content': { caretColor: 'var(--ink)' },
  '.cm-cursor': { borderLeftColor: 'var(--ink)' },
  '.cm-scroller': { fontFamily: 'ui-monospace, SFMono-Regular, Menlo, monospace', lineHeight: '1.55' },
  '.cm-gutters': { background: 'var(--ground)', color: 'var(--soft)', borderRight: '1px solid var(--line)' },
  '.cm-activeLine, .cm-activeLineGutter': { background: 'var(--active-line)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': { background: 'var(--selection)' },
  '.cm-selectionMatch': { background: 'var(--selection)' },
  '.cm-matchingBracket, &.cm-focused .cm-matchingBracket': { background: 'var(--selection)' },
  // Underlined by the browser: the library's own squiggles are pictures in data URLs, which the policy forbids.
  '.cm-lintRange': { backgroundImage: 'none', textDecoration: 'underline wavy', textDecorationSkipInk: 'none', textUnderlineOffset: '3px' },
  '.cm-lintRange-error': { textDecorationColor: 'var(--bad)', backgroundImage: 'none' },
  '.cm-lintRange-warning': { textDecorationColor: 'var(--warn)', backgroundImage: 'none' },
  '.cm-lint-marker': { content: 'none !important', width: '10px', height: '10px', borderRadius: '50%', background: 'var(--warn)', margin: '5px 2px' },
  '.cm-lint-marker-error': { background: 'var(--bad)' },
  '.cm-tooltip': { background: 'var(--paper)', color: 'var(--ink)', border: '1px solid var(--line)', borderRadius: '6px', boxShadow: '0 4px 16px #0003' },
  '.cm-tooltip-autocomplete > ul > li[aria-selected]': { background: 'var(--accent)', color: 'var(--on-accent)' },
  '.cm-completionInfo': { maxWidth: '22em', padding: '8px', whiteSpace: 'normal' },
  '.cm-diagnostic': { padding: '6px 10px', borderLeftWidth: '4px', whiteSpace: 'pre-wrap', fontFamily: 'system-ui, sans-serif' },
  '.cm-diagnostic-error': { borderLeftColor: 'var(--bad)' },
  '.cm-diagnostic-warning': { borderLeftColor: 'var(--warn)' },
  '.cm-panels': { background: 'var(--ground)', color: 'var(--ink)' },
});

/** The offset of a place, 1-based, in characters. */
function offset(document, line, column) {
  const found = document.line(Math.max(1, Math.min(document.lines, line)));
  const characters = [...found.text].slice(0, Math.max(0, column - 1)).join('');
  return found.from + Math.min(found.length, characters.length);
}

function marked(document, one) {
  const from = offset(document, one.line, one.column);
  const to = offset(document, one.end_line ?? one.line, one.end_column ?? one.column + 1);
  const message = one.help ? `${one.message}\n${one.help}` : one.message;
  return { from, to: Math.max(from, to), severity: one.severity ?? 'error', message };
}

/**
 * Opens an editor in an element. `check` reads a text and answers with its diagnostics; `words` has what completion offers: the reference
 * and the names.
 */
export function openEditor({ parent, text, label, check, words, changed, readOnly }) {
  const root = parent.shadowRoot ?? parent.attachShadow({ mode: 'open' });
  root.replaceChildren();
  const place = document.createElement('div');
  place.style.height = '100%';
  root.append(place);
  const lint = linter(async (view) => (await check(view.state.doc.toString())).map((one) => marked(view.state.doc, one)), { delay: 350 });
  const view = new EditorView({
    root,
    parent: place,
    state: EditorState.create({
      doc: text,
      extensions: [
        lineNumbers(), highlightActiveLine(), highlightActiveLineGutter(), history(), drawSelection(), bracketMatching(), closeBrackets(),
        search({ top: true }), highlightSelectionMatches(), EditorView.lineWrapping, indentUnit.of('    '),
        rulesLanguage, syntaxHighlighting(colors), theme,
        autocompletion({ override: [(context) => complete(context, words())], icons: false }), lint, lintGutter(),
        // Tab moves on, as everywhere on a page, unless a completion is open: keyboards must be able to leave the editor.
        keymap.of([{ key: 'Tab', run: acceptCompletion }, ...closeBracketsKeymap, ...completionKeymap, ...searchKeymap, ...historyKeymap, ...lintKeymap, ...defaultKeymap]),
        EditorView.contentAttributes.of({ 'aria-label': label, spellcheck: 'false', tabindex: '0' }),
        EditorState.readOnly.of(Boolean(readOnly)),
        EditorView.updateListener.of((update) => { if (update.docChanged) changed(update.state.doc.toString()); }),
      ],
    }),
  });
  return {
    text: () => view.state.doc.toString(),
    replace(next) {
      if (next !== view.state.doc.toString()) view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: next } });
    },
    insert(piece) {
      const { from, to } = view.state.selection.main;
      view.dispatch({ changes: { from, to, insert: piece }, selection: { anchor: from + piece.length } });
      view.focus();
    },
    goTo(line, column) {
      const at = offset(view.state.doc, line, column);
      view.dispatch({ selection: { anchor: at }, effects: EditorView.scrollIntoView(at, { y: 'center' }) });
      view.focus();
    },
    check: () => forceLinting(view),
    close: () => view.destroy(),
  };
}
