// Growth: what `rekindle growth report` shows, live.
import { path } from './api.js';
import { Chart, daySeconds } from './chart.jsx';
import { count, day, duration, hour, instant, money, moneyColumn, number, percent, percentColumn, plural, setCurrency, short, shortMoney, signed } from './format.js';
import { useData } from './hooks.js';
import { Bar, Badge, CampaignLink, Card, Empty, Figure, Loaded, Page, Rows } from './ui.jsx';
import { conclusion } from './uplift.jsx';
import { outcomeGroup, outcomeName, title } from './words.js';

export function Growth() {
  const growth = useData('/v1/growth', 30_000);
  const missing = growth.error?.status === 404 && !growth.error.isNoEndpoint;
  const { data } = growth;
  if (data) setCurrency(data.currency);
  return (
    <Page title="Growth" lead={data ? `Days of ${data.timezone}; as of ${instant(data.as_of)}${data.currency ? `; amounts in ${data.currency}` : ''}. Rates are of complete days.` : 'How the business is doing.'}>
      {missing ? <Empty>The rules have no section <code>[growth]</code>, so nothing is counted. Add one in <a href="#/rules">Rules</a>.</Empty>
        : <Loaded of={growth} what="the growth numbers">{(numbers) => <Numbers data={numbers} />}</Loaded>}
    </Page>
  );
}

function Numbers({ data }) {
  const complete = data.days.filter((one) => one.complete);
  const days = complete.slice(-180);
  return (
    <>
      <Headline headline={data.outlook.headline} />
      <div class="figures">{data.outlook.figures.map((one) => <KeyFigure key={one.id} of={one} complete={complete.length} />)}</div>
      <Targets targets={data.outlook.targets} />
      {days.length ? <Charts data={data} days={days} /> : <Empty>No day is complete yet: charts by day begin after the first midnight of {data.timezone}.</Empty>}
      <Cohorts data={data} />
      {data.funnels.map((funnel) => <Funnel key={funnel.id} funnel={funnel} />)}
      {data.commerce && <Channels data={data} />}
      <Unusual unusual={data.outlook.unusual} />
      <Campaigns />
    </>
  );
}

/** The last week in a sentence, which the daemon makes, and how it was reasoned. */
function Headline({ headline }) {
  return <div class="headline"><p>{headline.text.replaceAll(' %', '\u00a0%').replaceAll('−', '−\u2060')}</p><details><summary>How this was reasoned</summary><p>{headline.source}</p></details></div>;
}

const FORMATS = { count: (value) => (value >= 1e6 ? short(value) : count(value)), money: (value) => (Math.abs(value) >= 1e7 ? shortMoney(value) : money(value)), share: percent, number: (value) => (value == null ? '–' : value.toFixed(2)) };

/** How a figure changed: as a rate, shares in percentage points; and why that is not known. */
function change(one, complete) {
  const format = FORMATS[one.unit];
  if (one.value == null) return { note: 'not known yet' };
  if (one.before == null) return { note: complete < one.needed_days ? `compared from ${one.needed_days} complete days on; there ${complete === 1 ? 'is' : 'are'} ${complete}` : `${one.against}: –` };
  if (one.change == null) return { note: `${format(one.before)} ${one.against}` };
  if (one.is_few) return { note: `${format(one.before)} ${one.against}; too few to compare` };
  const by = one.unit === 'share' ? `${signed(one.change * 100, (points) => points.toFixed(1))} points` : signed(one.change, (rate) => percent(rate));
  const isFlat = /^[+−]?0\.0 /.test(by);
  return { note: isFlat ? `no change on ${one.against}` : `${by} on ${one.against}`, tone: isFlat ? undefined : (one.change > 0) === one.is_more_better ? 'good' : 'bad' };
}

function KeyFigure({ of, complete }) {
  return <Figure name={of.name} value={<>{FORMATS[of.unit](of.value)} <small>{of.about}</small></>} {...change(of, complete)} />;
}

const STATUS = { reached: ['reached', 'sent'], on_track: ['on track', 'sent'], off_track: ['off track', 'bad'], warming_up: ['too early to say', 'held'] };

function Targets({ targets }) {
  if (!targets.length) return null;
  const row = (one) => {
    const format = ['gmv', 'revenue'].includes(one.metric) ? money : count;
    const [name, tone] = STATUS[one.status] ?? [one.status, ''];
    return [
      <>{one.metric === 'gmv' ? 'GMV' : title(one.metric)} {format(one.value)} per {one.period}<br /><small>until {day(one.ends)}</small></>,
      <>{format(one.reached)} <small>{percent(one.reached / one.value)}</small></>, format(one.expected),
      one.forecast ? <>{format(one.forecast.value)}<br /><small>{format(Math.max(0, one.forecast.low))} to {format(one.forecast.high)}</small></> : <small>needs {one.needed_days} days, has {one.history_days}</small>,
      <Badge tone={tone}>{name}</Badge>,
    ];
  };
  return (
    <Card title="Targets" note="with the forecast's 95 % interval" wide>
      <Rows label="Targets" columns={[['Target'], ['Reached', true], ['Expected by now', true], ['Forecast', true], ['Status']]} rows={targets.map(row)} />
    </Card>
  );
}

function Charts({ data, days }) {
  const x = days.map((one) => daySeconds(one.day));
  const of = (name) => days.map((one) => one.all[name]);
  const known = plural(days.length, 'complete day');
  const stages = data.stages.map((stage, index) => ({ name: title(stage), values: days.map((one) => one.stage_sizes?.[index] ?? null) }));
  const noOrder = `No order in ${known}.`;
  return (
    <div class="grid">
      <Card title="Active people"><Chart days label="Active people by day" x={x} format={count} why={`Nobody came in ${known}.`} series={[{ name: 'Day', values: of('active') }, { name: 'Week', values: of('active_7d') }, { name: 'Month', values: of('active_30d') }]} /></Card>
      <Card title="New people"><Chart days kind="bars" label="New people by day" x={x} format={count} why={`Nobody came for the first time in ${known}.`} series={[{ name: 'New', values: of('new_users') }]} /></Card>
      {data.commerce && <Card title="GMV by day"><Chart days kind="bars" label="GMV by day" x={x} format={money} short={shortMoney} why={noOrder} series={[{ name: 'GMV', values: of('gmv') }]} /></Card>}
      {data.commerce && <Card title="Orders and buyers"><Chart days label="Orders and buyers by day" x={x} format={count} why={noOrder} series={[{ name: 'Orders', values: of('orders') }, { name: 'Buyers', values: of('buyers') }, { name: 'New buyers', values: of('new_buyers') }]} /></Card>}
      <Card title="Sessions"><Chart days label="Sessions by day" x={x} format={count} why={`No session began in ${known}.`} series={[{ name: 'All', values: of('sessions') }, { name: 'With a cart', values: of('cart_sessions') }, { name: 'With a checkout', values: of('checkout_sessions') }]} /></Card>
      {stages.length > 0 && <Card title="Lifecycle" note="people in each stage as the day ended"><Chart days label="People by stage of the lifecycle" x={x} format={count} why="Nobody is in any of the stages." series={stages} /></Card>}
    </div>
  );
}

function Funnel({ funnel }) {
  const first = funnel.steps[0]?.users ?? 0;
  return (
    <Card title={`Funnel: ${title(funnel.id)}`} note={`people of the last 30 complete days, within ${duration(funnel.within_ms)}`}>
      {first > 0 ? (
        <ol class="funnel">
          {funnel.steps.map((step, index) => (
            <li key={index}>
              <span class="name">{title(step.name)}</span>
              <Bar share={step.users / first} label={percent(step.users / first)} />
              <span class="number">{count(step.users)} <small>{percent(step.from_first.rate)}</small></span>
              <span class="help">{index > 0 && `${percent(step.from_previous.rate)} of the step before${step.median_ms == null ? '' : `, half of them within ${duration(step.median_ms)}`}`}</span>
            </li>
          ))}
        </ol>
      ) : <Empty>Nobody has taken the first step on a complete day yet.</Empty>}
    </Card>
  );
}

function Cohorts({ data }) {
  const weeks = data.retention.weeks.filter((one) => one.users > 0).slice(-12);
  if (!weeks.length) return <Card title="Who comes back"><Empty>Cohorts begin with the first complete week.</Empty></Card>;
  const after = Array.from({ length: Math.max(...weeks.map((one) => one.active.length)) - 1 }, (_, week) => week + 1);
  return (
    <Card title="Who comes back" note="of those first seen in a week, the share active in the weeks after" wide>
      <div class="scroll" tabIndex={0} role="region" aria-label="Retention by weekly cohort">
        <table class="cohorts">
          <thead><tr><th scope="col">Week of</th><th scope="col" class="number">People</th>{after.map((week) => <th scope="col" class="number">+{week} w</th>)}</tr></thead>
          <tbody>
            {weeks.map((one) => (
              <tr><td>{day(one.start).replace(/^\w+,? /, '')}</td><td class="number">{count(one.users)}</td>
                {after.map((week) => {
                  const active = one.active[week];
                  return active == null ? <td /> : <td class={`number heat heat-${Math.min(5, Math.ceil((active / one.users) * 5))}`}>{percent(active / one.users, 0)}</td>;
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {!after.length && <Empty>The week after the first is not complete yet.</Empty>}
    </Card>
  );
}

function Channels({ data }) {
  const channels = data.commerce.by_channel.map((one, index) => [data.channels[index], one]).filter(([, one]) => one.orders || one.conversion.whole);
  const categories = data.commerce.categories.slice(0, 12);
  const format = { gmv: moneyColumn(channels.map(([, one]) => one.gmv)), category: moneyColumn(categories.map((one) => one.gmv)), share: percentColumn(channels.map(([, one]) => one.conversion.rate)) };
  return (
    <div class="grid">
      <Card title="By channel of the first visit" note="30 days">
        {channels.length ? <Rows label="By channel" columns={[['Channel'], ['GMV', true], ['Orders', true], ['Buyers', true], ['Who buy', true]]} rows={channels.map(([name, one]) => [title(name), format.gmv(one.gmv), count(one.orders), count(one.buyers), format.share(one.conversion.rate)])} /> : <Empty>Nobody came on a complete day yet.</Empty>}
      </Card>
      <Card title="Best categories" note="30 days">
        {categories.length ? <Rows label="Best categories" columns={[['Category'], ['GMV', true], ['Orders', true]]} rows={categories.map((one) => [one.category, format.category(one.gmv), count(one.orders)])} /> : <Empty>{data.commerce.all.orders ? 'No order names a category.' : 'No order on a complete day yet.'}</Empty>}
      </Card>
    </div>
  );
}

const weeksAndDays = (hours) => `${plural(Math.floor(hours / 168), 'week')} and ${plural(Math.floor((hours % 168) / 24), 'day')}`;

/** Hours that had much more or much less than the same hours of earlier weeks make one expect. */
function Unusual({ unusual }) {
  const shown = unusual.filter((one) => one.metric !== 'revenue');
  const assessed = shown.reduce((sum, one) => sum + one.assessed_hours, 0);
  const hours = shown.flatMap((one) => one.hours.map((found) => ({ ...found, metric: one.metric }))).sort((a, b) => b.hour.localeCompare(a.hour) || Math.abs(b.deviation) - Math.abs(a.deviation));
  const known = Math.max(0, ...shown.map((one) => one.known_hours));
  const row = (one) => {
    const format = one.metric === 'gmv' ? moneyColumn([one.value, one.expected, one.low, one.high]) : count;
    const said = one.value > one.high ? 'too high' : one.value < one.low ? 'too low' : 'third low hour';
    return [hour(one.hour), one.metric === 'gmv' ? 'GMV' : title(one.metric), format(one.value), format(one.expected), `${format(one.low)} to ${format(one.high)}`, <Badge tone={one.value < one.expected ? 'bad' : 'held'}>{said}</Badge>];
  };
  return (
    <Card title="Hours out of the usual" note="the last 14 days, against the same hours of earlier weeks" wide>
      {!assessed ? <Empty>Too early to say: what is usual at an hour of the week takes {weeksAndDays(shown[0]?.needed_hours ?? 0)} of data, and there are {weeksAndDays(known)}.</Empty>
        : hours.length ? <Rows label="Hours out of the usual" columns={[['Hour'], ['Metric'], ['It had', true], ['Expected', true], ['Usual range', true], ['']].map(([name, isNumber]) => [name || 'How', isNumber])} rows={hours.slice(0, 20).map(row)} />
          : <Empty>All hours were within the usual range.</Empty>}
      {hours.length > 20 && <p class="hint">The latest 20 of {count(hours.length)}.</p>}
    </Card>
  );
}

const total = (outcomes) => Object.values(outcomes).reduce((sum, one) => sum + one, 0);

/** All campaigns, and what each brought about. */
function Campaigns() {
  const campaigns = useData('/v1/campaigns', 30_000);
  return (
    <Card title="Campaigns" note="since the rules began to count; whether they worked, against those who were not sent them" wide>
      <Loaded of={campaigns} what="the campaigns">
        {(all) => (all.length ? <Rows label="Campaigns" columns={[['Campaign'], ['Considered', true], ['Sent', true], ['Held back most often by'], ['Did it work?']]} rows={all.map(campaignRow)} /> : <Empty>The rules define no campaigns.</Empty>)}
      </Loaded>
    </Card>
  );
}

function campaignRow(one) {
  const [considered, sent] = [total(one.outcomes), one.outcomes.sent ?? 0];
  const [by] = Object.entries(one.outcomes).filter(([outcome, n]) => n > 0 && ['held', 'waits'].includes(outcomeGroup(outcome))).sort((a, b) => b[1] - a[1]);
  return [<CampaignLink campaign={one.campaign} />, count(considered), <>{count(sent)} {considered > 0 && <small>{percent(sent / considered, 0)}</small>}</>, by ? <>{outcomeName(by[0])} <small>{count(by[1])}</small></> : '–', one.goals.length ? <Worked id={one.campaign} /> : 'it has no goal: nothing is measured'];
}

function Worked({ id }) {
  const uplift = useData(path`/v1/campaigns/${id}/uplift`, 60_000);
  if (!uplift.data) return <>{uplift.error ? 'not known' : '…'}</>;
  return <>{uplift.data.goals.map((goal) => {
    const all = goal.comparisons.find((one) => one.variant === null);
    return <div>{title(goal.goal)}: {goal.sample_ratio_mismatch ? 'the groups are not comparable' : all ? conclusion(all) : '–'}{all?.low != null && <small> {all.measure === 'users' ? `${signed(all.low * 100, number)} to ${signed(all.high * 100, number)} points` : `${signed(all.low, money)} to ${signed(all.high, money)}`}</small>}</div>;
  })}</>;
}
