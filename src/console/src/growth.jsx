// Growth: the report's charts, live.
import { Chart, daySeconds } from './chart.jsx';
import { count, day, duration, instant, money, number, percent, plural, signed } from './format.js';
import { useData } from './hooks.js';
import { Bar, Badge, Card, Empty, Figure, Loaded, Page, Table } from './ui.jsx';
import { title } from './words.js';

export function Growth() {
  const growth = useData('/v1/growth', 30_000);
  const missing = growth.error?.status === 404 && !growth.error.isNoEndpoint;
  return (
    <Page title="Growth" lead={growth.data ? `Days of ${growth.data.timezone}; as of ${instant(growth.data.as_of)}. Rates are of complete days.` : 'How the business is doing.'}>
      {missing ? <Empty>The rules have no section <code>[growth]</code>, so nothing is counted. Add one in <a href="#/rules">Rules</a>.</Empty>
        : <Loaded of={growth} what="the growth numbers">{(data) => <Numbers data={data} />}</Loaded>}
    </Page>
  );
}

const sum = (days, name) => days.reduce((total, one) => total + one.all[name], 0);

function Numbers({ data }) {
  const days = data.days.filter((one) => one.complete).slice(-180);
  return (
    <>
      <Headline data={data} days={days} />
      <KeyFigures data={data} days={days} />
      <Targets data={data} />
      {days.length ? <Charts data={data} days={days} /> : <Empty>No day is complete yet: charts by day begin after the first midnight of {data.timezone}.</Empty>}
      {data.funnels.map((funnel) => <Funnel key={funnel.id} funnel={funnel} />)}
      <Cohorts data={data} />
      {data.commerce && <Channels data={data} />}
    </>
  );
}

/** The last seven complete days against the seven before, and what moved them. */
function Headline({ data, days }) {
  if (!data.commerce || days.length < 14) return days.length > 0 && data.commerce ? <p class="headline">{plural(days.length, 'complete day')} known; the weeks can be compared after 14.</p> : null;
  const [now, before] = [days.slice(-7), days.slice(-14, -7)];
  const [gmv, was] = [sum(now, 'gmv'), sum(before, 'gmv')];
  const changes = [['buyers', 'buyers'], ['orders', 'orders'], ['sessions', 'sessions']].map(([name, word]) => [word, sum(before, name) ? sum(now, name) / sum(before, name) - 1 : null]).filter(([, change]) => change !== null);
  const [word, most] = changes.sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]))[0] ?? [];
  return (
    <p class="headline">GMV of the last 7 days <strong>{money(gmv)}</strong>{was > 0 && <>, <strong>{signed(gmv / was - 1, (x) => percent(x, 0))}</strong> on the 7 before</>}
      {word && `: ${signed(most, (x) => percent(x, 0))} ${word}, average order ${money(gmv / Math.max(1, sum(now, 'orders')))} (${money(was / Math.max(1, sum(before, 'orders')))} before)`}.</p>
  );
}

function growthNote(ratio, what) {
  if (ratio?.rate == null) return {};
  return { note: `${signed(ratio.rate - 1, (x) => percent(x))} on the ${what} before`, tone: ratio.rate >= 1 ? 'good' : 'bad' };
}

function KeyFigures({ data, days }) {
  const last = days.at(-1);
  const commerce = data.commerce?.all;
  return (
    <div class="figures">
      {last && <>
        <Figure name="Daily active" value={count(last.all.active)} {...growthNote(data.users.active_users.day, 'day')} />
        <Figure name="Weekly active" value={count(last.all.active_7d)} {...growthNote(data.users.active_users.week, 'week')} />
        <Figure name="Monthly active" value={count(last.all.active_30d)} {...growthNote(data.users.active_users.month, 'month')} />
        <Figure name="New, 7 days" value={count(sum(days.slice(-7), 'new_users'))} {...growthNote(data.users.new_users.week, 'week')} />
        <Figure name="Stickiness" value={percent(data.users.stickiness.rate)} note="daily over monthly active" />
      </>}
      <Figure name="Back next day" value={percent(data.retention.day_1.rate)} note={`after 30 days ${percent(data.retention.day_30.rate)}`} />
      {commerce && <>
        <Figure name="GMV, 30 days" value={money(commerce.gmv)} note={commerce.revenue == null ? 'before refunds' : `net of refunds ${money(commerce.revenue)}`} />
        <Figure name="Orders, 30 days" value={count(commerce.orders)} note={plural(commerce.buyers, 'buyer')} />
        <Figure name="Average order" value={money(commerce.aov)} note={`${number(commerce.orders_per_buyer.rate)} orders per buyer`} />
        <Figure name="Visitors who buy" value={percent(commerce.conversion.rate, 2)} note="buyers over active people, 30 days" />
        <Figure name="Carts left" value={percent(commerce.cart_abandonment.rate)} note="sessions with a cart and no order" />
        <Figure name="Buy again" value={percent(data.commerce.repeat_purchase.rate)} note="of all buyers ever" />
      </>}
    </div>
  );
}

const STATUS = { reached: ['reached', 'sent'], on_track: ['on track', 'sent'], off_track: ['off track', 'bad'], warming_up: ['too early to say', 'held'] };

function Targets({ data }) {
  const targets = data.outlook?.targets ?? [];
  if (!targets.length) return null;
  return (
    <Card title="Targets" note="with the forecast's 95 % interval" wide>
      <Table label="Targets" columns={[['Target'], ['Reached', true], [''], ['Expected by now', true], ['Forecast', true], ['Status']]}>
        {targets.map((one) => {
          const format = ['gmv', 'revenue'].includes(one.metric) ? money : count;
          const [name, tone] = STATUS[one.status] ?? [one.status, ''];
          return (
            <tr>
              <td>{one.metric === 'gmv' ? 'GMV' : title(one.metric)} {format(one.value)} per {one.period}<br /><small>until {day(one.ends)}</small></td>
              <td class="number">{format(one.reached)}</td><td class="barcell"><Bar share={one.reached / one.value} tone={tone} label={percent(one.reached / one.value)} /></td>
              <td class="number">{format(one.expected)}</td>
              <td class="number">{one.forecast ? <>{format(one.forecast.value)}<br /><small>{format(Math.max(0, one.forecast.low))} to {format(one.forecast.high)}</small></> : <small>needs {one.needed_days} days, has {one.history_days}</small>}</td>
              <td><Badge tone={tone}>{name}</Badge></td>
            </tr>
          );
        })}
      </Table>
    </Card>
  );
}

function Charts({ data, days }) {
  const x = days.map((one) => daySeconds(one.day));
  const of = (name) => days.map((one) => one.all[name]);
  const stages = data.stages.map((stage, index) => ({ name: title(stage), values: days.map((one) => one.stage_sizes?.[index] ?? null) }));
  return (
    <div class="grid">
      <Card title="Active people"><Chart days label="Active people by day" x={x} format={count} series={[{ name: 'Day', values: of('active') }, { name: 'Week', values: of('active_7d') }, { name: 'Month', values: of('active_30d') }]} /></Card>
      <Card title="New people"><Chart days kind="bars" label="New people by day" x={x} format={count} series={[{ name: 'New', values: of('new_users') }]} /></Card>
      {data.commerce && <Card title="GMV by day"><Chart days kind="bars" label="GMV by day" x={x} format={money} series={[{ name: 'GMV', values: of('gmv') }]} /></Card>}
      {data.commerce && <Card title="Orders and buyers"><Chart days label="Orders and buyers by day" x={x} format={count} series={[{ name: 'Orders', values: of('orders') }, { name: 'Buyers', values: of('buyers') }, { name: 'New buyers', values: of('new_buyers') }]} /></Card>}
      <Card title="Sessions"><Chart days label="Sessions by day" x={x} format={count} series={[{ name: 'All', values: of('sessions') }, { name: 'With a cart', values: of('cart_sessions') }, { name: 'With a checkout', values: of('checkout_sessions') }]} /></Card>
      {stages.length > 0 && <Card title="Lifecycle" note="people in each stage as the day ended"><Chart days label="People by stage of the lifecycle" x={x} format={count} series={stages} /></Card>}
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
  const columns = Math.max(...weeks.map((one) => one.active.length));
  return (
    <Card title="Who comes back" note="of those first seen in a week, the share active in the weeks after" wide>
      <Table label="Retention by weekly cohort" columns={[['First seen in the week of'], ['People', true], ...Array.from({ length: columns - 1 }, (_, week) => [`+${week + 1} w`, true])]}>
        {weeks.map((one) => (
          <tr><td>{day(one.start)}</td><td class="number">{count(one.users)}</td>
            {Array.from({ length: columns - 1 }, (_, week) => {
              const active = one.active[week + 1];
              return active == null ? <td /> : <td class={`number heat heat-${Math.min(5, Math.ceil((active / one.users) * 5))}`}>{percent(active / one.users, 0)}</td>;
            })}
          </tr>
        ))}
      </Table>
    </Card>
  );
}

function Channels({ data }) {
  return (
    <div class="grid">
      <Card title="By channel of the first visit" note="30 days">
        <Table label="By channel" columns={[['Channel'], ['GMV', true], ['Orders', true], ['Buyers', true], ['Who buy', true]]}>
          {data.commerce.by_channel.map((one, index) => <tr><td>{title(data.channels[index])}</td><td class="number">{money(one.gmv)}</td><td class="number">{count(one.orders)}</td><td class="number">{count(one.buyers)}</td><td class="number">{percent(one.conversion.rate)}</td></tr>)}
        </Table>
      </Card>
      <Card title="Best categories" note="30 days">
        {data.commerce.categories.length ? (
          <Table label="Best categories" columns={[['Category'], ['GMV', true], ['Orders', true]]}>
            {data.commerce.categories.slice(0, 12).map((one) => <tr><td>{one.category}</td><td class="number">{money(one.gmv)}</td><td class="number">{count(one.orders)}</td></tr>)}
          </Table>
        ) : <Empty>No order names a category.</Empty>}
      </Card>
    </div>
  );
}
