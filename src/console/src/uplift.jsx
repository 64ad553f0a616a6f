// What a campaign brought about, with the band in which the truth lies.
import { path } from './api.js';
import { count, instant, money, number, percent, signed } from './format.js';
import { useData } from './hooks.js';
import { Card, Empty, ErrorBox, Loaded } from './ui.jsx';
import { title } from './words.js';

export function Uplift({ id }) {
  const uplift = useData(path`/v1/campaigns/${id}/uplift`, 15_000);
  return (
    <Card title="Did it work?" note="against those who were not sent it" wide>
      <Loaded of={uplift} what="what it brought about">
        {(found) => (found.goals.length ? found.goals.map((goal) => <Goal key={goal.goal} goal={goal} />) : <Empty>No goals: nothing is measured. Add <code>[[goals]]</code> to the rules.</Empty>)}
      </Loaded>
    </Card>
  );
}

function Goal({ goal }) {
  const all = goal.comparisons.filter((one) => one.variant === null);
  const variants = goal.comparisons.filter((one) => one.variant !== null && one.treated.n > 0);
  return (
    <section class="goal">
      <h3>{title(goal.goal)}</h3>
      {goal.sample_ratio_mismatch && <ErrorBox error={{ message: 'The groups have other sizes than the shares of the rules would give: do not trust this comparison until it is known why.' }} what="a fair comparison" />}
      {[...all, ...variants].map((one) => <Comparison one={one} />)}
    </section>
  );
}

function Comparison({ one }) {
  const isShare = one.measure === 'users';
  if (one.treated.n + one.control.n === 0) return <p class="empty">{isShare ? 'Share who reach it' : 'Value per person'}: nobody has been exposed long enough yet to be counted.</p>;
  const format = isShare ? (x) => `${number(x * 100)} points` : money;
  const mean = (group) => (group.n ? (isShare ? percent(group.users / group.n, 2) : money(group.sum / group.n)) : '–');
  return (
    <div class="comparison">
      <p><strong>{one.variant ? `Variant ${one.variant}: ` : ''}{isShare ? 'Share who reach it' : 'Value per person'}</strong> <span class={/works|more|better|brings/.test(one.conclusion) ? 'good' : ''}>{conclusion(one)}</span></p>
      <dl class="pairs">
        <div><dt>With it</dt><dd>{mean(one.treated)} <small>of {count(one.treated.n)}</small></dd></div>
        <div><dt>Without</dt><dd>{mean(one.control)} <small>of {count(one.control.n)}</small></dd></div>
        <div><dt>Difference</dt><dd>{signed(one.difference, format)}</dd></div>
        <div><dt>The truth lies within</dt><dd>{one.low == null ? 'not known yet' : `${signed(one.low, format)} to ${signed(one.high, format)}`}</dd></div>
        {one.brought != null && <div><dt>Brought in all</dt><dd>{isShare ? `${number(one.brought)} people` : money(one.brought)}</dd></div>}
        {one.brought_per_message != null && <div><dt>Per message</dt><dd>{number(one.brought_per_message)}</dd></div>}
        {Object.entries(one.brought_per_unit ?? {}).map(([budget, value]) => <div><dt>Per unit of {budget}</dt><dd>{number(value)}</dd></div>)}
      </dl>
      {one.low != null && <Band low={one.low} high={one.high} middle={one.difference} label={`Between ${format(one.low)} and ${format(one.high)}`} />}
    </div>
  );
}

/** The daemon's conclusion, "not enough yet" in words that say why. */
export function conclusion(one) {
  const few = /^not enough yet: (\d+) of (\d+)$/.exec(one.conclusion);
  if (few) return `Not enough people yet to say anything: ${count(Number(few[1]))} of the ${count(Number(few[2]))} that each group needs.`;
  return one.since ? `${one.conclusion}, since ${instant(one.since)}` : one.conclusion;
}

/** The interval against nought. */
function Band({ low, high, middle, label }) {
  const reach = Math.max(Math.abs(low), Math.abs(high), 1e-9);
  const at = (x) => 50 + (x / reach) * 46;
  return (
    <svg class="band" viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label={label}>
      <line x1="50" x2="50" y1="0" y2="8" class="nought" />
      <rect x={at(low)} width={Math.max(0.5, at(high) - at(low))} y="2.5" height="3" class={low > 0 ? 'good' : high < 0 ? 'bad' : ''} />
      <line x1={at(middle)} x2={at(middle)} y1="1" y2="7" class="middle" />
    </svg>
  );
}
