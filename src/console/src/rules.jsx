// Rules: read, change, try on the past, apply, undo.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { request } from './api.js';
import { Apply } from './apply.jsx';
import { Builder } from './builder.jsx';
import { Editor } from './editor.jsx';
import { instant, plural } from './format.js';
import { useData } from './hooks.js';
import { Reference } from './reference.jsx';
import { useMayChange } from './session.js';
import { TryIt } from './tryit.jsx';
import { Empty, ErrorBox, Loaded, Page, Tabs } from './ui.jsx';
import { Versions } from './versions.jsx';

const TABS = [['form', 'Build a segment'], ['text', 'All rules'], ['try', 'Try it'], ['versions', 'Versions']];

/** Diagnostics of the text, and the names that completion offers. An API without checks answers with nothing. */
function useCheck() {
  const [checked, setChecked] = useState({ diagnostics: [], names: null, isOffered: true, text: null });
  const check = useCallback(async (text) => {
    try {
      const found = await request('POST', '/v1/rules/check', { text });
      setChecked({ diagnostics: found.diagnostics, names: found.names ?? null, isOffered: true, text });
      return found.diagnostics;
    } catch (error) {
      setChecked((old) => ({ ...old, diagnostics: [], isOffered: !error.isNoEndpoint, text }));
      return [];
    }
  }, []);
  return [checked, check];
}

export function Rules({ search }) {
  const rules = useData('/v1/rules', 10_000);
  return (
    rules.data ? <Workshop rules={rules.data} reload={rules.reload} segment={search.get('segment')} />
      : <Page title="Rules"><Loaded of={rules} what="the rules" /></Page>
  );
}

function Workshop({ rules, reload, segment }) {
  const [tab, setTab] = useState(segment ? 'form' : 'text');
  // The version that the draft began with: others may apply theirs meanwhile.
  const [base, setBase] = useState({ version: rules.version, text: rules.text });
  const [draft, setDraft] = useState(rules.text);
  const [revision, setRevision] = useState(0);
  const [isApplying, setApplying] = useState(false);
  const [applied, setApplied] = useState(null);
  const [checked, check] = useCheck();
  const mayChange = useMayChange();
  const editor = useRef(null);
  const reference = useData('/v1/rules/reference');
  const isChanged = draft !== base.text;
  useEffect(() => {
    if (!isChanged && rules.version !== base.version) { setBase({ version: rules.version, text: rules.text }); take(rules.text); }
  }, [rules.version]);
  useEffect(() => {
    const timer = setTimeout(() => check(draft), 350);
    return () => clearTimeout(timer);
  }, [draft]);
  useEffect(() => {
    const warn = (event) => { if (isChanged) event.preventDefault(); };
    addEventListener('beforeunload', warn);
    return () => removeEventListener('beforeunload', warn);
  }, [isChanged]);
  const errors = checked.diagnostics.filter((one) => (one.severity ?? 'error') === 'error');
  const typed = (text) => { setDraft(text); setApplied(null); };
  const take = (text) => { typed(text); setRevision((n) => n + 1); };
  const finish = async (answer) => {
    setApplying(false);
    setApplied(answer);
    const now = await request('GET', '/v1/rules');
    setBase({ version: now.version, text: now.text });
    setDraft(now.text);
    setRevision((n) => n + 1);
    reload();
  };
  const show = (one) => { setTab('text'); setTimeout(() => editor.current?.goTo(one.line, one.column), 50); };
  const actions = isChanged && (
    <>
      <button type="button" onClick={() => take(base.text)}>Discard the change</button>
      <button type="button" onClick={() => setTab('try')} disabled={errors.length > 0}>Try it</button>
      {mayChange && <button type="button" class="primary" onClick={() => setApplying(true)} disabled={errors.length > 0}>Apply…</button>}
    </>
  );
  return (
    <Page title="Rules" lead={`${rules.path ?? 'The rules'}, version ${rules.version}, since ${instant(rules.loaded_at)}.`} actions={actions}>
      {applied && <div class="health good" role="status"><strong>{applied.changed === false ? 'Nothing to change.' : 'Applied.'}</strong> Version {applied.version} is in use{applied.at && ` since ${instant(applied.at)} of the log`}. {applied.begins_empty?.length > 0 && `${plural(applied.begins_empty.length, 'part')} of it ${applied.begins_empty.length === 1 ? 'does' : 'do'} not know the past yet.`}</div>}
      {isChanged && rules.version !== base.version && <ErrorBox error={{ message: `Somebody else has applied version ${rules.version} while you were writing. Applying yours will be refused: discard your change, and make it again on theirs.` }} what="one version of the rules" />}
      <Tabs label="Rules" tabs={TABS} chosen={tab} onChoose={setTab} />
      {isChanged && <p class="hint">Your change is not in use yet: try it on the past, then apply it.</p>}
      {tab === 'form' && <Builder text={draft} names={checked.names} segment={segment} onWrite={take} errors={errors} mayChange={mayChange} onTry={() => setTab('try')} />}
      {tab === 'text' && (
        <div class="workshop">
          <div>
            <Editor handle={editor} text={draft} revision={revision} check={check} words={{ names: checked.names ?? {}, reference: reference.data }} onChange={typed} readOnly={!mayChange} />
            <Problems diagnostics={checked.diagnostics} isOffered={checked.isOffered} onShow={show} />
          </div>
          <Reference of={reference} onInsert={mayChange ? (piece) => editor.current?.insert(piece) : null} />
        </div>
      )}
      {tab === 'try' && (errors.length ? <Empty>The rules have mistakes: mend them first. <button type="button" class="plain" onClick={() => show(errors[0])}>Show the first</button></Empty> : <TryIt text={draft} isChanged={isChanged} mayChange={mayChange} onApply={() => setApplying(true)} />)}
      {tab === 'versions' && <Versions key={rules.version} rules={rules} mayChange={mayChange} onTake={(text) => { take(text); setApplying(true); }} />}
      {isApplying && <Apply base={base} draft={draft} onClose={() => setApplying(false)} onApplied={finish} />}
    </Page>
  );
}

function Problems({ diagnostics, isOffered, onShow }) {
  if (!isOffered) return <p class="hint">This daemon does not check rules as you type: mistakes show when you apply.</p>;
  if (!diagnostics.length) return <p class="problems good" role="status">No mistakes.</p>;
  return (
    <div class="problems" role="status">
      <p class="bad">{plural(diagnostics.length, 'mistake')}:</p>
      <ul>{diagnostics.slice(0, 20).map((one) => <li><button type="button" class="plain" onClick={() => onShow(one)}>Line {one.line}</button> {one.message}{one.help && <small> {one.help}</small>}</li>)}</ul>
    </div>
  );
}
