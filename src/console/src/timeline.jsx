// What happened to a person: events, transitions, decisions, points, deliveries, merges, newest first.
import { useEffect, useState } from 'preact/hooks';
import { get, path, query } from './api.js';
import { number, value } from './format.js';
import { Action, At, Badge, CampaignLink, Card, Empty, ErrorBox, OutcomeBadge, SegmentLink, UserLink } from './ui.jsx';
import { causeName } from './words.js';

const KINDS = [['event', 'Events'], ['transition', 'Segments'], ['decision', 'Campaigns'], ['points', 'Points'], ['delivery', 'Deliveries'], ['merge', 'Merges']];

export function Timeline({ user, now }) {
  const [pages, setPages] = useState(null);
  const [error, setError] = useState(null);
  const [hidden, setHidden] = useState(new Set());
  const more = async (before) => {
    const page = await get(`${path`/v1/users/${user}/timeline`}?${query({ limit: 100, before })}`);
    setPages((old) => ({ entries: [...(before ? old.entries : []), ...page.entries], next: page.next }));
  };
  useEffect(() => { more(null).catch(setError); }, [user]);
  const toggle = (kind) => () => {
    const next = new Set(hidden);
    if (!next.delete(kind)) next.add(kind);
    setHidden(next);
  };
  if (error) return <Card title="What happened"><ErrorBox error={error} what="the timeline" /></Card>;
  if (!pages) return <Card title="What happened"><p class="empty" role="status">Reading the log…</p></Card>;
  const shown = pages.entries.filter((entry) => !hidden.has(entry.kind));
  return (
    <Card title="What happened" note="newest first">
      <fieldset class="filters"><legend class="visually-hidden">Show</legend>
        {KINDS.filter(([kind]) => pages.entries.some((entry) => entry.kind === kind)).map(([kind, name]) => <label class="check"><input type="checkbox" checked={!hidden.has(kind)} onChange={toggle(kind)} />{name}</label>)}
      </fieldset>
      {shown.length ? <ol class="timeline">{shown.map((entry) => <Entry entry={entry} now={now} />)}</ol> : <Empty>{pages.entries.length ? 'Nothing of the kinds that are ticked.' : 'The log has nothing of this person any more: it keeps events for as long as its stream is set to.'}</Empty>}
      {pages.next && <p><Action run={() => more(pages.next)} busy="Reading…">Show earlier</Action></p>}
    </Card>
  );
}

function Entry({ entry, now }) {
  return (
    <li class={entry.kind}>
      <At at={entry.at} now={now} />
      <span class="what"><What entry={entry} /></span>
    </li>
  );
}

function What({ entry }) {
  switch (entry.kind) {
    case 'event': return <EventEntry entry={entry} />;
    case 'transition': return <><Badge tone={entry.change}>{entry.change === 'enter' ? 'entered' : 'left'}</Badge> <SegmentLink segment={entry.segment} /><Key of={entry} /> <small>{causeName(entry.cause)}</small></>;
    case 'decision': return <><OutcomeBadge outcome={entry.outcome} /> <CampaignLink campaign={entry.campaign} /><Key of={entry} /> <small>{causeName(entry.cause)}</small></>;
    case 'points': return <><Badge>points</Badge> {entry.change ?? entry.reason ?? ''} {number(entry.points ?? entry.amount)} {entry.ledger}</>;
    case 'delivery': return <><Badge>{entry.result ?? entry.outcome ?? 'delivery'}</Badge> {entry.destination ?? ''} {entry.campaign && <CampaignLink campaign={entry.campaign} />}</>;
    case 'merge': return <><Badge>merge</Badge> {entry.from && <>with <UserLink user={entry.from} /></>}</>;
    default: return <><Badge>{entry.kind}</Badge> <small>{JSON.stringify(entry)}</small></>;
  }
}

const Key = ({ of }) => (of.key ? <span class="key"> {of.key}</span> : null);

function EventEntry({ entry }) {
  const name = entry.event ?? entry.name ?? entry.type ?? entry.call;
  const properties = Object.entries(entry.properties ?? {});
  const names = entry.names ?? entry.matches ?? [];
  return (
    <>
      <strong>{name}</strong>{names.length > 0 && <small> read as {names.map((one) => (typeof one === 'string' ? one : one.name)).join(', ')}</small>}
      {properties.length > 0 && (
        <details><summary>{properties.slice(0, 3).map(([key, one]) => `${key} ${value(one)}`.slice(0, 40)).join(' · ')}</summary>
          <dl class="pairs">{properties.map(([key, one]) => <div><dt>{key}</dt><dd>{value(one)}</dd></div>)}</dl>
          {(entry.id ?? entry.message_id) && <p class="hint">messageId <code>{entry.id ?? entry.message_id}</code></p>}
        </details>
      )}
    </>
  );
}
