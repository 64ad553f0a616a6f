// One person: what is known, what they are in and why, what happens next, and what happened.
import { useState } from 'preact/hooks';
import { path, request } from './api.js';
import { instant, number, plural, value } from './format.js';
import { useData } from './hooks.js';
import { Decisions } from './decisions.jsx';
import { Memberships } from './memberships.jsx';
import { Offers } from './offers.jsx';
import { RowLink } from './products.jsx';
import { ForgetPerson } from './forget.jsx';
import { useMayChange } from './session.js';
import { Timeline } from './timeline.jsx';
import { Action, At, CampaignLink, Card, Empty, ErrorBox, Figure, Loaded, Page, SegmentLink, Table, Tabs } from './ui.jsx';

const TABS = [['why', 'Segments and why'], ['messages', 'Messages and why'], ['next', 'What happens next'], ['story', 'What happened'], ['profile', 'Profile']];

export function Person({ user }) {
  const [tab, setTab] = useState('why');
  const [isForgetting, setForgetting] = useState(false);
  const mayChange = useMayChange();
  const state = useData(path`/v1/users/${user}`, 10_000);
  const why = useData(path`/v1/users/${user}/explain`, 30_000);
  const save = async () => {
    const stored = await request('GET', `${path`/v1/users/${user}`}?export`);
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([JSON.stringify(stored, null, 2)], { type: 'application/json' }));
    link.download = `${user.replace(/[^\w.-]+/g, '_')}.json`;
    link.click();
    URL.revokeObjectURL(link.href);
  };
  const actions = state.data && (
    <>
      <Action run={save}>Export</Action>
      {mayChange && <button type="button" class="danger" onClick={() => setForgetting(true)}>Forget…</button>}
    </>
  );
  const missing = state.error?.status === 404;
  return (
    <Page title={user} lead={state.data && describe(state.data)} actions={actions}>
      {missing && <Empty>Nobody of this id is known: never seen, forgotten, or expired. <a href="#/people">Find somebody else</a></Empty>}
      {!missing && (
        <Loaded of={state} what="this person">
          {(found) => (
            <>
              <div class="figures">
                <Figure name="First seen" value={<At at={found.first_event} />} />
                <Figure name="Latest event" value={<At at={found.latest_event} />} />
                {found.points?.map((one) => <Figure name={`Points: ${one.ledger}`} value={number(one.balance)} note={one.debt > 0 ? `${number(one.debt)} owed` : one.lots?.[0] && `next expire ${instant(one.lots[0].expires)}`} />)}
                {found.models?.map((one) => <Figure name={`Still a customer (${one.model})`} value={one.p_alive == null ? '–' : `${Math.round(one.p_alive * 100)} %`} note={`${plural(one.x + 1, 'purchase')} counted`} />)}
              </div>
              <Tabs label="About this person" tabs={TABS} chosen={tab} onChoose={setTab} />
              {tab === 'why' && <Loaded of={why} what="why">{(data) => <Memberships explained={data.segments} />}</Loaded>}
              {tab === 'messages' && (why.data || why.error ? <Decisions explained={why.data?.campaigns} decisions={found.decisions} now={found.at} /> : <Empty>Reading why…</Empty>)}
              {tab === 'next' && <Next found={found} why={why} />}
              {tab === 'story' && <Timeline user={user} now={found.at} />}
              {tab === 'profile' && <Profile user={user} found={found} />}
            </>
          )}
        </Loaded>
      )}
      {isForgetting && <ForgetPerson user={user} onClose={() => setForgetting(false)} />}
    </Page>
  );
}

function describe(found) {
  const traits = found.traits ?? {};
  const name = [traits.first_name, traits.last_name].filter(Boolean).join(' ') || traits.name;
  return [name, traits.email, traits.country].filter((part) => typeof part === 'string').join(' · ') || 'No name, address or country known';
}

/** What time alone will change: segments, messages that wait, points that expire. */
function Next({ found, why }) {
  const segments = (why.data?.segments ?? []).filter((one) => one.next_change).map((one) => ({
    at: one.next_change.at,
    what: <>{one.next_change.change === 'enter' ? 'enters' : 'leaves'} <SegmentLink segment={one.segment} />{one.key && <span class="key"> {one.key}</span>}</>,
  }));
  const held = (found.held ?? []).map((one) => ({ at: one.until, what: <><CampaignLink campaign={one.campaign} /> is decided again, when the quiet hours are over</> }));
  const coupons = (found.reservations ?? []).map((one) => ({ at: one.due, what: <>the coupon <code>{one.code ?? '–'}</code> of <CampaignLink campaign={one.campaign} /> is over</> }));
  const lots = (found.points ?? []).flatMap((one) => (one.lots ?? []).map((lot) => ({ at: lot.expires, what: <>{number(lot.left)} of {one.ledger} expire</> })));
  const all = [...segments, ...held, ...coupons, ...lots].filter((one) => one.at).sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
  return (
    <Card title="If nothing else happens" note={found.at && `as of ${instant(found.at)}`}>
      {why.error && <ErrorBox error={why.error} what="what happens next" />}
      {all.length ? (
        <ul class="coming">{all.map((one) => <li><span><At at={one.at} now={found.at} future /></span><span>{one.what}</span></li>)}</ul>
      ) : <Empty>Nothing changes by time alone. Only something this person does can change a segment.</Empty>}
      {found.next_wake_up && <p class="hint">The engine looks at this person again on <At at={found.next_wake_up} now={found.at} future />, even if nothing happens.</p>}
    </Card>
  );
}

function Profile({ user, found }) {
  const traits = Object.entries(found.traits ?? {});
  return (
    <>
      <Card title="Traits" note="what the latest identify said">
        {traits.length ? <dl class="pairs">{traits.map(([name, one]) => <div><dt>{name}</dt><dd>{value(one)}</dd></div>)}</dl> : <Empty>No traits: nobody has called identify for this visitor.</Empty>}
      </Card>
      <Card title="Coupons not used yet">
        {found.reservations?.length ? (
          <Table label="Coupons" columns={[['Code'], ['Campaign'], ['Given'], ['Valid until']]}>
            {found.reservations.map((one) => <tr><td><code>{one.code ?? '–'}</code></td><td><CampaignLink campaign={one.campaign} /></td><td><At at={one.at} /></td><td><At at={one.due} /></td></tr>)}
          </Table>
        ) : <Empty>None.</Empty>}
      </Card>
      <Offers user={user} />
      {found.keys?.length > 0 && (
        <Card title="Carts, products and other keys" note="what the rules remember of each">
          <Table label="Keys" columns={[['Key'], ['Of'], ['Segments'], ['Latest'], ['Is forgotten']]}>
            {found.keys.map((one) => <tr><td>{one.table ? <RowLink table={one.table} id={one.key} /> : <code>{one.key}</code>}</td><td>{one.per}</td><td>{one.segments.length ? one.segments.map((segment) => <><SegmentLink segment={segment} /> </>) : '–'}</td><td><At at={one.latest_match} /></td><td><At at={one.forgotten_at} /></td></tr>)}
          </Table>
        </Card>
      )}
      <Card title="What the rules remember" note="features, by the rules in use">
        <Table label="Features" columns={[['Feature'], ['Value', true]]}>
          {found.features?.map((one) => <tr><td><code>{one.feature}</code></td><td class="number">{value(one.value)}</td></tr>)}
        </Table>
      </Card>
    </>
  );
}
