// What happened to a person: events, transitions, decisions, points, deliveries, merges, newest first.
import { useEffect, useState } from 'preact/hooks';
import { get, path, query } from './api.js';
import { number, plural, sentence, signed, value } from './format.js';
import { Action, At, Badge, CampaignLink, Card, Empty, ErrorBox, OutcomeBadge, SegmentLink, UserLink } from './ui.jsx';
import { causeName } from './words.js';

const KINDS = [['event', 'Events'], ['transition', 'Segments'], ['decision', 'Campaigns'], ['points', 'Points'], ['delivery', 'Deliveries'], ['budget', 'Budgets'], ['outcome', 'Goals'], ['merge', 'Merges']];

export function Timeline({ user, now }) {
  const [pages, setPages] = useState(null);
  const [error, setError] = useState(null);
  const [hidden, setHidden] = useState(new Set());
  const more = async (before) => {
    const page = await get(`${path`/v1/users/${user}/timeline`}?${query({ limit: 100, before })}`);
    setPages((old) => ({ ...page, entries: [...(before ? old.entries : []), ...page.entries] }));
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
      {pages.notes?.map((note) => <p class="hint">{sentence(note, now)}.</p>)}
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
    case 'points': return <><Badge>points</Badge> {entry.change} {number(entry.amount)} {entry.ledger}, then {number(entry.balance)}{entry.paid_for && <> for <CampaignLink campaign={entry.paid_for} /></>} <small>{causeName(entry.cause)}</small></>;
    case 'budget': return <><Badge>budget</Badge> {entry.change} {number(entry.amount)} of {entry.budget} for <CampaignLink campaign={entry.campaign} /></>;
    case 'outcome': return <><Badge tone={entry.count > 0 ? 'sent' : 'group'}>{entry.count > 0 ? 'goal reached' : 'goal not reached'}</Badge> {entry.goal} of <CampaignLink campaign={entry.campaign} />{entry.count > 0 && <> {plural(entry.count, 'time')}{entry.value != null && `, ${signed(entry.value, number)}`}</>} <small>{entry.group}{entry.variant && `, ${entry.variant}`}</small></>;
    case 'delivery': return <Delivery entry={entry} />;
    case 'merge': return <><Badge>merge</Badge> {entry.from && <>with <UserLink user={entry.from} /></>}</>;
    default: return <><Badge>{entry.kind}</Badge> <small>{JSON.stringify(entry)}</small></>;
  }
}

const Key = ({ of }) => (of.key ? <span class="key"> {of.key}</span> : null);

/** "Message Delivered" and the like: what a destination, or a tool that sends, has reported. */
function Delivery({ entry }) {
  const told = entry.properties ?? {};
  return (
    <>
      <Badge>{entry.event.replace(/^Message /, '').toLowerCase()}</Badge> {typeof told.campaign === 'string' && <CampaignLink campaign={told.campaign} />} <small>{[told.channel, told.destination, told.reason].filter((one) => typeof one === 'string').join(' · ')}</small>
    </>
  );
}

function EventEntry({ entry }) {
  const name = entry.event ?? entry.type;
  const properties = Object.entries(entry.properties ?? entry.traits ?? {});
  return (
    <>
      <strong>{name}</strong>{entry.event && entry.type !== 'track' && <small> {entry.type}</small>}{!entry.user && entry.anonymous_id && <small> as visitor {entry.anonymous_id}</small>}{entry.omitted && <small> {entry.omitted}</small>}
      {properties.length > 0 && (
        <details><summary>{properties.slice(0, 3).map(([key, one]) => `${key} ${value(one)}`.slice(0, 40)).join(' · ')}</summary>
          <dl class="pairs">{properties.map(([key, one]) => <div><dt>{key}</dt><dd>{value(one)}</dd></div>)}</dl>
          {entry.id && <p class="hint">messageId <code>{entry.id}</code></p>}
        </details>
      )}
    </>
  );
}
