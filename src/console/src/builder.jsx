// A segment from a form: for people who have never seen the rules language. It writes the rule, and reads it back.
import { useEffect, useState } from 'preact/hooks';
import { COMPARISONS, KINDS, UNITS, isComplete, readAloud, readCondition, writeCondition } from './builder-model.js';
import { eventsOf, segmentsOf, withSegment } from './rules-text.js';
import { Card, Empty } from './ui.jsx';

const FRESH = { id: '', description: '', join: 'all', rows: [{ kind: 'did', ...KINDS.did.start }] };
const idOf = (text) => text.trim().toLowerCase().replace(/[^a-z0-9]+/g, '_').replace(/^_+|_+$/g, '').slice(0, 64);

export function Builder({ text, names, segment, onWrite, errors, mayChange, onTry }) {
  const all = segmentsOf(text).filter((one) => !one.per);
  const [chosen, setChosen] = useState(segment ?? '');
  const [form, setForm] = useState(FRESH);
  const [written, setWritten] = useState(false);
  const events = names?.events ?? eventsOf(text);
  const open = (id) => {
    const found = all.find((one) => one.id === id);
    setChosen(found ? id : '');
    setWritten(false);
    setForm(found ? { id, description: found.description, ...readCondition(found.when) } : FRESH);
  };
  useEffect(() => open(segment ?? ''), []);
  const change = (fields) => { setForm({ ...form, ...fields }); setWritten(false); };
  const changeRow = (at, row) => change({ rows: form.rows.map((old, index) => (index === at ? row : old)) });
  const condition = form.rows.length && form.rows.every(isComplete) ? writeCondition(form) : '';
  const isTaken = !chosen && all.some((one) => one.id === form.id);
  const canWrite = condition && form.id && !isTaken && mayChange;
  const write = (event) => {
    event.preventDefault();
    if (!canWrite) return;
    onWrite(withSegment(text, { id: form.id, description: form.description, when: condition }));
    setChosen(form.id);
    setWritten(true);
  };
  return (
    <Card title="A segment, built from a form" note="no formula needed">
      <p class="filters"><label>Change <select value={chosen} onChange={(event) => open(event.currentTarget.value)}><option value="">a new segment</option>{all.map((one) => <option>{one.id}</option>)}</select></label></p>
      <form class="builder" onSubmit={write}>
        <div class="fields">
          <label>Name<input value={form.id} disabled={Boolean(chosen)} placeholder="cart_left_twice" onInput={(event) => change({ id: event.currentTarget.value })} onBlur={() => change({ id: idOf(form.id) })} /></label>
          <label class="grow">Who they are, for people<input value={form.description} placeholder="Left two carts behind this month" onInput={(event) => change({ description: event.currentTarget.value })} /></label>
        </div>
        {isTaken && <p class="error" role="alert">There is a segment of this name already. Choose it above to change it, or take another name.</p>}
        <fieldset>
          <legend>Everybody for whom <select aria-label="How the lines are joined" value={form.join} onChange={(event) => change({ join: event.currentTarget.value })}><option value="all">all of these are true</option><option value="any">at least one of these is true</option></select></legend>
          {form.rows.map((row, at) => (
            <Row key={at} row={row} number={at + 1} events={events} names={names} segments={all.filter((one) => one.id !== form.id).map((one) => one.id)} onChange={(next) => changeRow(at, next)} onRemove={form.rows.length > 1 && (() => change({ rows: form.rows.filter((_, index) => index !== at) }))} />
          ))}
          <button type="button" onClick={() => change({ rows: [...form.rows, { kind: 'did', ...KINDS.did.start }] })}>Add a line</button>
        </fieldset>
        <div class="aloud" role="status">{condition ? <><p>{readAloud(form)}</p><p class="hint">Written as <code>{condition}</code></p></> : <p class="hint">Fill in every line to see what it says.</p>}</div>
        {!events.length && <Empty>The rules name no events yet: write <code>[events]</code> under <em>All rules</em> first.</Empty>}
        {written && errors.length > 0 && <p class="error" role="alert">The rules do not fit together yet: {errors[0].message} {errors[0].help}</p>}
        <p class="buttons">
          {mayChange && <button type="submit" class="primary" disabled={!canWrite}>Write it into the rules</button>}
          {written && !errors.length && <><span class="good" role="status">Written. It is not in use yet.</span><button type="button" onClick={onTry}>See whom it would have reached</button></>}
        </p>
      </form>
    </Card>
  );
}

function Row({ row, number, events, names, segments, onChange, onRemove }) {
  const set = (field) => (event) => onChange({ ...row, [field]: event.currentTarget.value });
  const has = (field) => field in KINDS[row.kind].start;
  const id = (field) => `row-${number}-${field}`;
  const isTime = ['since', 'idle', 'age'].includes(row.kind);
  const comparisons = isTime ? COMPARISONS.filter(([one]) => one !== 'exactly').map(([one, text]) => [one, one === 'fewer' ? 'less than' : text]) : COMPARISONS;
  const isNot = ['trait', 'has', 'segment'].includes(row.kind);
  return (
    <div class="row" role="group" aria-label={`Line ${number}`}>
      <select aria-label="What" value={row.kind} onChange={(event) => onChange({ kind: event.currentTarget.value, ...KINDS[event.currentTarget.value].start, ...(row.event && 'event' in KINDS[event.currentTarget.value].start ? { event: row.event } : {}) })}>
        {Object.entries(KINDS).map(([kind, { name }]) => <option value={kind}>{name}</option>)}
      </select>
      {has('event') && <select aria-label="Event" value={row.event} onChange={set('event')}><option value="">which event…</option>{events.map((one) => <option>{one}</option>)}</select>}
      {has('property') && <Text label="Property" value={row.property} onInput={set('property')} list={id('properties')} options={names?.properties?.[row.event]} />}
      {has('trait') && <Text label="Trait" value={row.trait} onInput={set('trait')} placeholder="tier" list={id('traits')} options={names?.traits} />}
      {has('segment') && <select aria-label="Segment" value={row.segment} onChange={set('segment')}><option value="">which segment…</option>{segments.map((one) => <option>{one}</option>)}</select>}
      {has('compare') && (isNot
        ? <select aria-label="Is it so?" value={row.compare} onChange={set('compare')}><option value="is">{row.kind === 'has' ? 'is known' : 'is'}</option><option value="is_not">{row.kind === 'has' ? 'is not known' : 'is not'}</option></select>
        : <select aria-label="How many" value={row.compare} onChange={set('compare')}>{comparisons.map(([one, text]) => <option value={one}>{text}</option>)}</select>)}
      {has('times') && <input aria-label="Number" type="number" step="any" value={row.times} onInput={set('times')} />}
      {has('value') && <Text label="Value" value={row.value} onInput={set('value')} placeholder="gold" />}
      {has('length') && <span class="length">{!isTime && 'within '}<input aria-label="Length" type="number" min="1" step="1" value={row.length} onInput={set('length')} /><select aria-label="Unit" value={row.unit} onChange={set('unit')}>{UNITS.map(([one, text]) => <option value={one}>{text}</option>)}</select>{isTime && ' ago'}</span>}
      {has('formula') && <Text label="Formula" value={row.formula} onInput={set('formula')} wide />}
      {onRemove && <button type="button" class="plain" aria-label={`Take line ${number} out`} onClick={onRemove}>✕</button>}
    </div>
  );
}

function Text({ label, value, onInput, placeholder, list, options, wide }) {
  return (
    <>
      <input class={wide ? 'grow' : ''} aria-label={label} value={value} onInput={onInput} placeholder={placeholder} list={options?.length ? list : undefined} />
      {options?.length > 0 && <datalist id={list}>{options.map((one) => <option value={one} />)}</datalist>}
    </>
  );
}
