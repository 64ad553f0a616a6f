// Segments of a person, each with why: the condition as a tree.
import { useState } from 'preact/hooks';
import { coming, instant, plural, relative, sentence } from './format.js';
import { plainClause } from './builder-model.js';
import { Badge, Card, Empty, SegmentLink } from './ui.jsx';
import { causeName } from './words.js';

export function Memberships({ explained }) {
  const [text, setText] = useState('');
  const fits = (one) => !text || one.segment.includes(text) || one.key?.includes(text);
  const shown = explained.filter(fits);
  const inside = shown.filter((one) => one.is_in);
  const outside = shown.filter((one) => !one.is_in).sort((a, b) => nearness(a) - nearness(b));
  return (
    <>
      <p class="filters"><label>Segment <input type="search" value={text} onInput={(event) => setText(event.currentTarget.value)} placeholder="any" /></label></p>
      <Card title={`In (${inside.length})`}>
        {inside.length ? <div class="why-list">{inside.map((one) => <Membership key={one.segment + one.key} one={one} />)}</div> : <Empty>In no segment{text && ' that fits'}. Below is what is missing for each.</Empty>}
      </Card>
      <Card title={`Not in (${outside.length})`}>
        {outside.length ? <div class="why-list">{outside.map((one) => <Membership key={one.segment + one.key} one={one} />)}</div> : <Empty>None{text && ' that fits'}.</Empty>}
      </Card>
    </>
  );
}

/** What is nearest to entering comes first: by time, then by an event. */
function nearness(one) {
  if (one.next_change) return Date.parse(one.next_change.at);
  return one.sufficient_events?.length ? 1e15 : 2e15;
}

/** The parts that the answer depends on and that have no parts themselves. */
function deciding(clause) {
  if (!clause?.is_needed) return [];
  return clause.parts?.length ? clause.parts.flatMap(deciding) : [clause];
}

/** The sentence beside a segment's name. */
function summary(one) {
  const { next_change: next } = one;
  if (next) return `${next.change === 'enter' ? 'enters' : 'leaves'} ${coming(next.at, one.at)} (${relative(next.at, one.at)}) if nothing happens`;
  if (one.nearest?.sentence) return sentence(one.nearest.sentence, one.at);
  if (one.is_in) return 'stays until something happens';
  const missing = deciding(one.condition).filter((clause) => !clause.holds);
  return missing.length ? `missing: ${missing[0].text}${missing.length > 1 ? `, and ${plural(missing.length - 1, 'other part')}` : ''}` : 'not until something happens';
}

export function Membership({ one, open }) {
  const since = one.since?.at ?? null;
  const cause = causeName(one.since?.cause);
  return (
    <details class={`why ${one.is_in ? 'in' : 'out'}`} open={open}>
      <summary>
        <span class="mark" aria-hidden="true">{one.is_in ? '✓' : '✗'}</span>
        <span class="of">{one.segment}{one.key && <span class="key"> {one.key}</span>}</span>
        <span class="sentence">{summary(one)}</span>
      </summary>
      <p class="hint">
        {one.is_in ? 'In' : 'Not in'} <SegmentLink segment={one.segment} /> as of {instant(one.at)}{since && <>, since {instant(since)}</>}{cause && <> {cause}{cause === 'by an event' && <> <code>{one.since.cause}</code></>}</>}. {one.condition && (one.is_in ? 'Every line that the answer depends on holds:' : 'Lines marked ✗ are missing:')}
      </p>
      {one.condition && <Tree condition={one.condition} now={one.at} />}
      <WhatWouldChangeIt one={one} />
    </details>
  );
}

/** A condition, part by part. */
export const Tree = ({ condition, now }) => <ul class="tree"><Clause clause={condition} now={now} top /></ul>;

/** How the parts of a clause are joined, by its text: the API gives the parts. */
function joint(clause) {
  if (clause.parts?.length === 1) return /^!/.test(clause.text) ? 'not' : null;
  const rest = clause.parts.reduce((text, part) => text.replace(part.text, ''), clause.text);
  return rest.includes('||') ? 'one of these' : rest.includes('&&') ? 'all of these' : null;
}

function Clause({ clause, top, now }) {
  const parts = clause.parts ?? [];
  const operands = (clause.operands ?? []).filter((one) => one.text !== clause.text || parts.length === 0);
  const name = parts.length > 0 ? joint(clause) : null;
  return (
    <li class={`clause ${clause.holds ? 'holds' : 'fails'} ${clause.is_needed ? '' : 'unneeded'}`}>
      <span class="mark" aria-hidden="true">{clause.holds ? '✓' : '✗'}</span>
      <span class="body">
        <span class="visually-hidden">{clause.holds ? 'Holds: ' : 'Does not hold: '}</span>
        {name ? <em>{name}</em> : <code>{clause.text}</code>}
        {!name && plainClause(clause.text) && <span class="plainly">{plainClause(clause.text)}</span>}
        {operands.length > 0 && <span class="values">{operands.map((one) => <span class="operand"><code>{one.text}</code> is <strong>{shown(one)}</strong>{one.events && <Behind events={one.events} />}</span>)}</span>}
        {clause.until && <span class="until">until {coming(clause.until, now)}</span>}
        {!clause.is_needed && !top && <Badge help="The answer is the same whatever this is: another part decides.">does not matter here</Badge>}
        {parts.length > 0 && <ul>{parts.map((part) => <Clause clause={part} now={now} />)}</ul>}
      </span>
    </li>
  );
}

/** The events that a value is made of, where they are known. */
function Behind({ events }) {
  return <span title={events.latest.map((event) => `${event.message_id ?? 'no messageId'} ${event.at}`).join('\n')}> by {plural(events.matches, 'event')}{events.latest[0] && <>, the latest {instant(events.latest[0].at)}</>}</span>;
}

/** "8d9h10m38s275ms" with its two largest units only. */
function shown(one) {
  const length = typeof one.shown === 'string' && /^(\d+(ms|[wdhms]))+$/.test(one.shown) ? one.shown.match(/\d+(?:ms|[wdhms])/g) : null;
  return length ? length.slice(0, 2).join(' ').replace(/(\d)m(?!s)/g, '$1min') : one.shown ?? String(one.value);
}

function WhatWouldChangeIt({ one }) {
  const events = one.sufficient_events ?? [];
  return (
    <ul class="change">
      {one.next_change && <li>If nothing happens: <strong>{one.next_change.change === 'enter' ? 'enters' : 'leaves'} {coming(one.next_change.at, one.at)}</strong>, {relative(one.next_change.at, one.at)}</li>}
      {events.map((event) => <li>{event.count === 1 ? 'One' : `${event.count} times`} “{event.name}” now would {one.is_in ? 'end it' : 'be enough'}.</li>)}
      {!one.next_change && !events.length && <li>Neither time alone nor more events of one kind would change it.</li>}
    </ul>
  );
}
