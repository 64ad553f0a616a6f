// What a backtest found: whom the change would have reached, and in what it differs.
import { useState } from 'preact/hooks';
import { path, query } from './api.js';
import { Chart } from './chart.jsx';
import { Decisions } from './decisions.jsx';
import { count, instant, number, plural, signed } from './format.js';
import { useAnswer } from './hooks.js';
import { Membership } from './memberships.jsx';
import { At, Badge, CampaignLink, Card, Empty, Figure, Loaded, OutcomeBadge, SegmentLink, Table, UserLink } from './ui.jsx';
import { OUTCOMES, outcomeName } from './words.js';

/** `text`: the rules that were tried. */
export function BacktestResult({ result, text }) {
  return (
    <>
      <Headline result={result} />
      {result.differences && <Differences of={result.differences} text={text} />}
      <Messages result={result} />
      <SegmentSizes result={result} />
      <CampaignOutcomes result={result} />
      <Money result={result} />
    </>
  );
}

const difference = (both) => (both.new == null || both.old == null ? null : both.new - both.old);
/** "+12", "no change", or nothing where only one of the rules has it. */
function Change({ of, good }) {
  const by = difference(of);
  if (by === null) return of.old == null && of.new != null ? <Badge tone="sent">new</Badge> : of.new == null && of.old != null ? <Badge tone="bad">gone</Badge> : null;
  return by === 0 ? <small>no change</small> : <strong class={good && by > 0 ? 'good' : ''}>{signed(by, count)}</strong>;
}

function Headline({ result }) {
  const { new: now, old } = result.messages;
  const period = `${result.from ? instant(result.from) : 'the beginning'} to ${instant(result.to)}`;
  const found = result.differences;
  const members = result.segments.filter((one) => one.members && (one.members.only_new || one.members.only_old));
  return (
    <Card title="What it would have done" note={period} wide>
      <p class="headline">
        {!found ? `${plural(now?.messages ?? 0, 'message')} to ${plural(now?.people ?? 0, 'person', 'people')}.`
          : found.people === 0 ? 'Nothing would have been different for anybody.'
            : <>Something would have been different for <strong>{plural(found.people, 'person', 'people')}</strong>: {plural(found.more_messages, 'person', 'people')} would have got more messages, {count(found.fewer_messages)} fewer.</>}
      </p>
      <div class="figures">
        <Figure name="Messages" value={count(now?.messages)} note={old && `${count(old.messages)} by the rules in use`} />
        <Figure name="People who get any" value={count(now?.people)} note={old && `${count(old.people)} by the rules in use`} />
        <Figure name="The one in a hundred who gets most" value={now ? plural(now.p99, 'message') : '–'} note={old && `${count(old.p99)} by the rules in use`} />
        <Figure name="Read" value={plural(result.events, 'event')} note={`${plural(result.people, 'person', 'people')}, ${count(result.rejected)} events rejected`} />
      </div>
      {members.map((one) => (
        <p>In <SegmentLink segment={one.segment} /> at the end: {plural(one.members.both, 'person', 'people')} by both; {count(one.members.only_new)} only by the change{one.members.people_only_new.length > 0 && <> (<Some people={one.members.people_only_new} />)</>}; {count(one.members.only_old)} only by the rules in use{one.members.people_only_old.length > 0 && <> (<Some people={one.members.people_only_old} />)</>}.</p>
      ))}
    </Card>
  );
}

const Some = ({ people }) => people.slice(0, 5).map((user, index) => <>{index > 0 && ', '}<UserLink user={user} /></>);

const said = (kind, what) => (what == null ? 'nothing' : kind === 'campaign' ? outcomeName(what) : what);

function Differences({ of, text }) {
  const [chosen, setChosen] = useState(null);
  const isExplained = (one) => one.kind === 'segment' || one.kind === 'campaign';
  return (
    <Card title="The differences, and why" note={`${count(of.exact)} exact, ${count(of.after)} after a person had noticed something`} wide>
      <p class="hint">{of.note}</p>
      {of.kinds.length ? (
        <Table label="Differences" columns={[['What'], ['By the rules in use'], ['By the change'], ['How often', true], ['Why'], ['For instance']]}>
          {of.kinds.map((one) => (
            <tr>
              <td>{one.kind === 'segment' ? <SegmentLink segment={one.id} /> : one.kind === 'campaign' ? <CampaignLink campaign={one.id} /> : <>{one.kind} {one.id}</>}{one.of && <small> {one.of}</small>}</td>
              <td>{said(one.kind, one.old)}</td><td>{said(one.kind, one.new)}</td>
              <td class="number">{count(one.exact)}{one.after > 0 && <><br /><small>and {count(one.after)} after</small></>}</td>
              <td class="text">{one.reason}{one.because.length > 0 && <><br /><small>because of {one.because.slice(0, 2).map((edit) => edit.place).join(', ')}</small></>}</td>
              <td>{one.people.slice(0, 3).map((person) => <div><UserLink user={person.user} />{person.key && <span class="key"> {person.key}</span>} <small><At at={person.at} /></small>
                {isExplained(one) && <button type="button" class="plain" aria-label={`Why ${person.user}, by both rules?`} onClick={() => setChosen({ user: person.user, at: person.at, kind: one.kind, id: one.id })}>why?</button>}</div>)}</td>
            </tr>
          ))}
        </Table>
      ) : <Empty>None: for these days the change makes no difference.</Empty>}
      {chosen && <WhyByBoth asked={chosen} text={text} />}
    </Card>
  );
}

/** A person at the moment of a difference, explained by the rules in use and by the change. */
function WhyByBoth({ asked: { user, at, kind, id }, text }) {
  const about = { at, [kind]: id };
  const address = path`/v1/users/${user}/explain`;
  const inUse = useAnswer('GET', `${address}?${query(about)}`);
  const changed = useAnswer('POST', address, { text, ...about });
  return (
    <div class="two both">
      <WhyBy of={inUse} title={`${user}, by the rules in use`} {...{ kind, id, at }} />
      <WhyBy of={changed} title={`${user}, by the change`} {...{ kind, id, at }} />
    </div>
  );
}

function WhyBy({ of, title, kind, id, at }) {
  const isUnknown = of.error?.status === 404 && /no such/.test(of.error.message);
  return (
    <div class="card inner">
      <h3>{title}</h3>
      {isUnknown ? <Empty>These rules have no {kind} <code>{id}</code>.</Empty> : (
        <Loaded of={of} what="why">
          {({ segments, campaigns }) => (
            <>
              {kind === 'segment' && (segments.length ? segments.map((one) => <Membership one={one} open />) : <Empty>This person has nothing that the segment is about.</Empty>)}
              {kind === 'campaign' && <Decisions explained={campaigns} now={at} />}
            </>
          )}
        </Loaded>
      )}
    </div>
  );
}

function Messages({ result }) {
  const { new: now, old } = result.messages;
  if (!now || (now.messages === 0 && !old?.messages)) return null;
  const rows = now.distribution.length >= (old?.distribution.length ?? 0) ? now.distribution : old.distribution;
  const of = (figures, messages) => figures?.distribution.find((one) => one.messages === messages)?.people ?? 0;
  const x = result.steps.map((step) => Date.parse(step) / 1000);
  return (
    <Card title="Messages" wide>
      <div class="two">
        {x.length > 1 && <Chart label={`Messages by ${result.step}`} x={x} format={count} series={[{ name: 'By the change', values: now.over_time, color: 2 }, ...(old ? [{ name: 'By the rules in use', values: old.over_time, color: 5, dash: [5, 4] }] : [])]} />}
        <Table label="How many messages a person gets" columns={[['Messages to one person'], ['People, by the change', true], ...(old ? [['By the rules in use', true]] : [])]}>
          {rows.map((row) => <tr><td>{count(row.messages)}{row.or_more && ' or more'}</td><td class="number">{count(of(now, row.messages))}</td>{old && <td class="number">{count(of(old, row.messages))}</td>}</tr>)}
        </Table>
      </div>
    </Card>
  );
}

function SegmentSizes({ result }) {
  const x = result.steps.map((step) => Date.parse(step) / 1000);
  const isChanged = (one) => one.figures.old == null || one.figures.new == null || ['size', 'entered', 'left'].some((name) => one.figures.new[name] !== one.figures.old[name]);
  const changed = result.differences ? result.segments.filter(isChanged) : result.segments;
  const part = (one, name) => ({ new: one.figures.new?.[name], old: one.figures.old?.[name] });
  if (!changed.length) return null;
  return (
    <Card title="Segments" note={result.differences ? 'those that differ' : undefined} wide>
      <Table label="Segments" columns={[['Segment'], ['In it at the end', true], ['Change', true], ['Entered', true], ['Change', true], ['Left', true], ['Change', true]]}>
        {changed.map((one) => <tr><td><SegmentLink segment={one.segment} /></td>{['size', 'entered', 'left'].map((name) => <><td class="number">{count(part(one, name).new)}</td><td class="number"><Change of={part(one, name)} /></td></>)}</tr>)}
      </Table>
      {result.differences && x.length > 1 && <div class="two">{changed.slice(0, 4).map((one) => (
        <div><h3>{one.segment}</h3><Chart label={`Size of ${one.segment}`} x={x} format={count} height={170} series={[one.sizes.new && { name: 'By the change', values: one.sizes.new, color: 2 }, one.sizes.old && { name: 'By the rules in use', values: one.sizes.old, color: 5, dash: [5, 4] }].filter(Boolean)} /></div>
      ))}</div>}
    </Card>
  );
}

function CampaignOutcomes({ result }) {
  const rows = result.campaigns.flatMap((one) => Object.keys({ ...one.outcomes.old, ...one.outcomes.new }).sort((a, b) => Object.keys(OUTCOMES).indexOf(a) - Object.keys(OUTCOMES).indexOf(b)).map((outcome) => ({
    campaign: one.campaign, outcome, both: { new: one.outcomes.new ? one.outcomes.new[outcome] ?? 0 : null, old: one.outcomes.old ? one.outcomes.old[outcome] ?? 0 : null },
  })));
  const shown = result.differences ? rows.filter(({ both }) => both.new !== both.old) : rows;
  if (!shown.length) return null;
  return (
    <Card title="Campaigns" note={result.differences ? 'outcomes that differ' : undefined} wide>
      <Table label="Campaigns" columns={[['Campaign'], ['Outcome'], ['By the change', true], ['By the rules in use', true], ['Change', true]]}>
        {shown.map(({ campaign, outcome, both }) => <tr><td><CampaignLink campaign={campaign} /></td><td><OutcomeBadge outcome={outcome} /></td><td class="number">{count(both.new)}</td><td class="number">{count(both.old)}</td><td class="number"><Change of={both} good={outcome === 'sent'} /></td></tr>)}
      </Table>
    </Card>
  );
}

function Money({ result }) {
  const amount = (text) => number(Number(text));
  const isUsed = ({ figures }) => [figures.new, figures.old].some((one) => one && (Number(one.spent ?? 0) || Number(one.reserved ?? 0) || Object.keys(one.points ?? {}).length));
  const budgets = result.budgets.filter(isUsed);
  const ledgers = result.ledgers.filter(isUsed);
  if (!budgets.length && !ledgers.length) return null;
  return (
    <Card title="Money and points" wide>
      <Table label="Money and points" columns={[['What'], ['By the change', true], ['By the rules in use', true]]}>
        {budgets.flatMap((one) => ['spent', 'reserved', 'released'].map((name) => <tr><td>{one.budget}: {name}</td><td class="number">{one.figures.new ? amount(one.figures.new[name]) : '–'}</td><td class="number">{one.figures.old ? amount(one.figures.old[name]) : '–'}</td></tr>))}
        {ledgers.flatMap((one) => Object.keys({ ...one.figures.old?.points, ...one.figures.new?.points }).map((name) => <tr><td>{one.ledger}: {name}</td><td class="number">{one.figures.new ? amount(one.figures.new.points[name] ?? 0) : '–'}</td><td class="number">{one.figures.old ? amount(one.figures.old.points[name] ?? 0) : '–'}</td></tr>))}
      </Table>
    </Card>
  );
}
