// Segments: how many are in each, how that changes, and who.
import { useState } from 'preact/hooks';
import { get, path, query } from './api.js';
import { Chart } from './chart.jsx';
import { count, plural, signed } from './format.js';
import { SegmentGroups } from './groups.jsx';
import { useData } from './hooks.js';
import { Membership } from './memberships.jsx';
import { Action, Bar, Badge, Card, Empty, ErrorBox, Figure, Loaded, Page, SegmentLink, Table, UserLink } from './ui.jsx';

export function Segments() {
  const segments = useData('/v1/segments', 5000);
  const [text, setText] = useState('');
  return (
    <Page title="Segments" lead="Groups of people that fill and empty by themselves, as people act and as time passes.">
      <Loaded of={segments} what="the segments">
        {({ segments: all }) => {
          const largest = Math.max(1, ...all.map((one) => one.users));
          const shown = all.filter((one) => `${one.id} ${one.description ?? ''}`.toLowerCase().includes(text.toLowerCase()));
          return all.length ? (
            <Card>
              <p class="filters"><label>Find <input type="search" value={text} onInput={(event) => setText(event.currentTarget.value)} placeholder="name or description" /></label></p>
              <Table label="Segments" columns={[['Segment'], ['In it now', true], [''], ['Who they are']]}>
                {shown.map((one) => (
                  <tr key={one.id}>
                    <td><SegmentLink segment={one.id} />{one.per && <> <Badge help={`Counted by ${one.per}: a person can be in it with several`}>per {one.per}</Badge></>}{one.of && <> <Badge help={`Its members are not people but groups of them: each ${one.of} by itself`}>of {one.of}</Badge></>}</td>
                    <td class="number">{count(one.users)}</td>
                    <td class="barcell"><Bar share={one.users / largest} label={`${count(one.users)} of at most ${count(largest)}`} /></td>
                    <td class="text">{one.description ?? ''}</td>
                  </tr>
                ))}
              </Table>
              {!shown.length && <Empty>No segment fits “{text}”.</Empty>}
            </Card>
          ) : <Empty>The rules define no segments. Write the first one in <a href="#/rules">Rules</a>.</Empty>;
        }}
      </Loaded>
    </Page>
  );
}

const SPANS = [['1d', 'the last day', 86_400_000], ['7d', '7 days', 7 * 86_400_000], ['30d', '30 days', 30 * 86_400_000], ['90d', '90 days', 90 * 86_400_000]];

export function Segment({ id }) {
  const segments = useData('/v1/segments', 5000);
  const found = segments.data?.segments.find((one) => one.id === id);
  return (
    <Page title={id} lead={found?.description ?? 'A segment'} actions={<a class="button" href={`#/live?${query({ segment: id })}`}>Watch live</a>}>
      <Loaded of={segments} what="the segment">
        {() => (found ? (
          <>
            <div class="figures"><Figure name={found.per ?? found.of ? `${found.per ?? found.of}s in it now` : 'People in it now'} value={count(found.users)} note={(found.per ?? found.of) && `each ${found.per ?? found.of} by itself`} /></div>
            <History id={id} />
            {found.of ? <SegmentGroups key={found.id} segment={id} of={found.of} /> : <Members key={found.id} id={id} />}
          </>
        ) : <Empty>The rules define no segment “{id}”. <a href="#/segments">All segments</a></Empty>)}
      </Loaded>
    </Page>
  );
}

function History({ id }) {
  const [span, setSpan] = useState('7d');
  const stats = useData('/v1/stats');
  const now = stats.data?.watermark ? Date.parse(stats.data.watermark) : null;
  const from = now && new Date(now - SPANS.find(([name]) => name === span)[2]).toISOString();
  const history = useData(now && `${path`/v1/segments/${id}/history`}?${query({ from })}`, 15_000);
  const points = history.data?.points ?? [];
  const x = points.map((one) => Date.parse(one.at) / 1000);
  const sum = (name) => points.reduce((total, one) => total + (one[name] ?? 0), 0);
  return (
    <Card title="How it changes" note="hour by hour of the log" wide>
      <p class="filters"><label>Show <select value={span} onChange={(event) => setSpan(event.currentTarget.value)}>{SPANS.map(([name, text]) => <option value={name}>{text}</option>)}</select></label></p>
      {history.error && <ErrorBox error={history.error} what="how it changes" />}
      {history.data && (points.length > 1 ? (
        <>
          <div class="figures">
            <Figure name="Entered" value={count(sum('entered'))} />
            <Figure name="Left" value={count(sum('left'))} />
            <Figure name="Change" value={signed(sum('entered') - sum('left'), count)} />
          </div>
          <div class="two">
            <div><h3>In it</h3><Chart label={`Size of ${id} over time`} x={x} series={[{ name: 'In it', values: points.map((one) => one.size), fill: true }]} format={count} /></div>
            <div><h3>Entering and leaving</h3><Chart label={`Entering and leaving ${id} over time`} x={x} format={count} series={[{ name: 'Entered', values: points.map((one) => one.entered), color: 2 }, { name: 'Left', values: points.map((one) => one.left), color: 1 }]} /></div>
          </div>
        </>
      ) : <Empty>Not enough hours are known yet: sizes are kept hour by hour from when the daemon began to.</Empty>)}
    </Card>
  );
}

function Members({ id }) {
  const [pages, setPages] = useState(null);
  const [chosen, setChosen] = useState(null);
  const [text, setText] = useState('');
  const first = useData(`${path`/v1/segments/${id}/users`}?limit=50`);
  const shown = pages ?? first.data;
  const more = async () => {
    const page = await get(`${path`/v1/segments/${id}/users`}?${query({ limit: 50, cursor: shown.next })}`);
    setPages({ users: [...shown.users, ...page.users], next: page.next });
  };
  const start = async () => { setPages(null); await first.reload(); };
  return (
    <Card title="Who is in it" note="in no particular order">
      <form class="filters" onSubmit={(event) => { event.preventDefault(); setChosen(text.trim() || null); }}>
        <label>Is somebody in it, and why? <input value={text} onInput={(event) => setText(event.currentTarget.value)} placeholder="a user id" /></label>
        <button type="submit">Explain</button>
        <Action run={start}>Read again</Action>
      </form>
      {chosen && <Why id={id} user={chosen} />}
      <Loaded of={first} what="its people">
        {() => (shown.users.length ? (
          <>
            <ul class="members">
              {shown.users.map((one) => {
                const user = one.user ?? one;
                return (
                  <li key={user}><UserLink user={user} />{one.keys && <span class="key"> {one.keys.slice(0, 4).join(', ')}{one.keys.length > 4 && ` and ${one.keys.length - 4} more`}</span>}
                    <button type="button" class="plain" aria-label={`Why is ${user} in it?`} onClick={() => setChosen(user)}>why?</button></li>
                );
              })}
            </ul>
            <p class="hint">{plural(shown.users.length, 'person', 'people')} shown.</p>
            {shown.next && <Action run={more} busy="Reading…">Show more</Action>}
          </>
        ) : <Empty>Nobody is in it now.</Empty>)}
      </Loaded>
    </Card>
  );
}

function Why({ id, user }) {
  const why = useData(`${path`/v1/users/${user}/explain`}?${query({ segment: id })}`);
  return (
    <div class="card inner">
      <h3>Why <UserLink user={user} /> is in it, or is not</h3>
      <Loaded of={why} what="why">
        {({ segments }) => (segments.length ? segments.map((one) => <Membership one={one} open />) : <Empty>This person has nothing that the segment is about (no {id} key).</Empty>)}
      </Loaded>
    </div>
  );
}
