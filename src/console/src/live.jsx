// Live: is it all right, and what happens right now?
import { useEffect, useRef, useState } from 'preact/hooks';
import { query } from './api.js';
import { Chart } from './chart.jsx';
import { Feed, KEPT } from './feed.js';
import { count, duration, instant, plural, time } from './format.js';
import { useData, useDelayed } from './hooks.js';
import { Badge, CampaignLink, Card, Empty, ErrorBox, Figure, OutcomeBadge, Page, SegmentLink, UserLink } from './ui.jsx';
import { causeName } from './words.js';

function useFeed(filter) {
  const feed = useRef(null);
  const [, redraw] = useState(0);
  const address = `/v1/live?${query(filter)}`;
  useEffect(() => {
    const was = feed.current;
    feed.current = new Feed(address, () => redraw((n) => n + 1));
    if (was) { feed.current.rates = was.rates; feed.current.isPaused = was.isPaused; }
    redraw((n) => n + 1);
    return () => feed.current.close();
  }, [address]);
  return feed.current;
}

/** What `/readyz` says under keys that name the part. */
const sentences = (found) => Object.entries(found ?? {}).map(([part, text]) => `${part.replaceAll('_', ' ')}: ${typeof text === 'string' ? text : JSON.stringify(text)}`);

/** The answer to "is it all right?", in a sentence. */
function Health({ rates, ready, isOpen }) {
  const reasons = sentences(ready?.reasons).length ? sentences(ready.reasons) : rates?.reasons ?? [];
  const isReady = rates ? rates.ready : ready?.ready;
  if (isReady === undefined) return <p class="health" role="status">Asking the daemon how it is…</p>;
  const notes = sentences(ready?.notes);
  return (
    <div class={`health ${isReady ? 'good' : 'bad'}`} role="status">
      <strong>{isReady ? 'All is well.' : 'Something needs attention.'}</strong>{' '}
      {isReady ? 'Events are read, and what is decided is published.' : reasons.join('; ')}
      {!isOpen && rates && ' The connection to the daemon is lost; the console tries again.'}
      {notes.length > 0 && <ul>{notes.map((note) => <li>{note}</li>)}</ul>}
    </div>
  );
}

/** The number of events per second, from two readings of `/v1/stats`, where there is no feed. */
function useCounted(stats) {
  const last = useRef(null);
  const [rate, setRate] = useState(null);
  useEffect(() => {
    if (!stats) return;
    const now = { accepted: stats.events.accepted, at: Date.now() };
    if (last.current && now.at > last.current.at) setRate((now.accepted - last.current.accepted) * 1000 / (now.at - last.current.at));
    last.current = now;
  }, [stats]);
  return rate;
}

function Line({ line }) {
  const { output } = line;
  const what = line.kind === 'transition'
    ? <><Badge tone={output.change === 'enter' ? 'enter' : 'exit'}>{output.change === 'enter' ? 'enters' : 'leaves'}</Badge> <SegmentLink segment={output.segment} /></>
    : <><OutcomeBadge outcome={output.outcome} /> <CampaignLink campaign={output.campaign} /></>;
  return (
    <li>
      <time dateTime={output.at} title={output.at}>{time(output.at)}</time>
      <UserLink user={output.user} />
      <span class="what">{what}{output.key && <span class="key"> {output.key}</span>}</span>
      <span class="cause">{causeName(output.cause)}{output.variant && `, variant ${output.variant}`}</span>
    </li>
  );
}

const NO_FILTER = { kinds: 'transition,decision', segment: '', campaign: '', user: '' };

export function Live({ search }) {
  const [filter, setFilter] = useState({ ...NO_FILTER, ...Object.fromEntries(search) });
  const feed = useFeed(useDelayed(filter, 400));
  const ready = useData('/readyz', 5000);
  const stats = useData('/v1/stats', 2000);
  const segments = useData('/v1/segments');
  const campaigns = useData('/v1/campaigns');
  const counted = useCounted(stats.data);
  const set = (name) => (event) => setFilter({ ...filter, [name]: event.currentTarget.value });
  const rates = feed?.rates.at(-1);
  const lines = feed?.latest() ?? [];
  const watermark = rates?.watermark ?? stats.data?.watermark;
  // A daemon that is not ready answers 503, with the same fields.
  const readiness = ready.data ?? (ready.error?.body?.reasons ? ready.error.body : null);
  return (
    <Page title="Live" lead="Who enters and leaves segments, and what campaigns decide, as it happens.">
      <Health rates={rates} ready={readiness} isOpen={feed?.isOpen} />
      {ready.error && !readiness && <ErrorBox error={ready.error} what="its health" />}
      <div class="figures">
        <Figure name="Events per second" value={count(rates?.events ?? counted)} note={stats.data && `${count(stats.data.events.accepted)} since the start`} />
        <Figure name="Transitions per second" value={count(rates?.transitions)} note="people entering or leaving segments" />
        <Figure name="Decisions per second" value={count(rates?.decisions)} note="of campaigns" />
        <Figure name="Lag" value={duration(rates?.lag_ms)} note="how far the log is behind the clock" />
        <Figure name="Time of the log" value={watermark ? time(watermark) : '–'} note={watermark && instant(watermark)} />
        <Figure name="People known" value={count(stats.data?.users)} note={stats.data && plural(stats.data.pending_timers, 'wake-up') + ' pending'} />
      </div>
      {feed?.rates.length > 1 && (
        <Card title="The last two minutes" wide>
          <Chart label="Events, transitions and decisions per second" x={feed.rates.map((one) => one.seen)} height={160}
            series={[{ name: 'Events/s', values: feed.rates.map((one) => one.events) }, { name: 'Transitions/s', values: feed.rates.map((one) => one.transitions) }, { name: 'Decisions/s', values: feed.rates.map((one) => one.decisions) }]} />
        </Card>
      )}
      <Card title="As it happens" wide>
        <form class="filters" onSubmit={(event) => event.preventDefault()}>
          <label>Show <select value={filter.kinds} onChange={set('kinds')}>
            <option value="transition,decision">transitions and decisions</option><option value="transition">transitions</option><option value="decision">decisions</option>
          </select></label>
          <label>Segment <select value={filter.segment} onChange={set('segment')}><option value="">all</option>{segments.data?.segments.map((one) => <option>{one.id}</option>)}</select></label>
          {campaigns.data && <label>Campaign <select value={filter.campaign} onChange={set('campaign')}><option value="">all</option>{campaigns.data.map((one) => <option>{one.campaign}</option>)}</select></label>}
          <label>Person <input value={filter.user} onInput={set('user')} placeholder="an id" size={12} /></label>
          <button type="button" aria-pressed={feed?.isPaused ?? false} onClick={() => feed?.pause(!feed.isPaused)}>{feed?.isPaused ? 'Go on' : 'Pause'}</button>
        </form>
        {feed?.dropped > 0 && <p class="hint">{plural(feed.dropped, 'line')} more than a page can show {feed.dropped === 1 ? 'was' : 'were'} left out. Filter to see all of a segment or person.</p>}
        {feed?.refused && <ErrorBox error={{ message: 'The daemon has no live feed (or refused it). Reload the page to try again.' }} what="the live feed" />}
        {lines.length ? <ol class="feed" tabIndex={0} aria-label={`The latest ${KEPT} transitions and decisions`}>{lines.map((line) => <Line key={line.number} line={line} />)}</ol>
          : <Empty>{feed?.isOpen ? 'Nothing has happened since this page was opened. That is normal in a quiet minute: people enter segments when they do something, and as time passes.' : 'Waiting for the daemon.'}</Empty>}
      </Card>
    </Page>
  );
}
