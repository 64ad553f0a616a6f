// Campaigns: what they decided, what holds them back, and what they brought about.
import { path, query } from './api.js';
import { count, number, percent } from './format.js';
import { useData } from './hooks.js';
import { Uplift } from './uplift.jsx';
import { Badge, Bar, CampaignLink, Card, Empty, Figure, Loaded, Page, Table } from './ui.jsx';
import { OUTCOMES, outcomeGroup, outcomeHelp, outcomeName, triggerName } from './words.js';

const total = (outcomes) => Object.values(outcomes).reduce((sum, one) => sum + one, 0);
/** What held a campaign back most often: not the groups that measuring needs. */
function heldBackBy(outcomes) {
  return Object.entries(outcomes).filter(([outcome, n]) => n > 0 && ['held', 'waits'].includes(outcomeGroup(outcome))).sort((a, b) => b[1] - a[1])[0]?.[0];
}

export function Campaigns() {
  const campaigns = useData('/v1/campaigns', 5000);
  return (
    <Page title="Campaigns" lead="What is sent to whom, what holds messages back, and whether they work.">
      <Loaded of={campaigns} what="the campaigns">
        {(all) => (all.length ? (
          <Card note="since the rules began to count">
            <Table label="Campaigns" columns={[['Campaign'], ['Considered', true], ['Sent', true], ['Share sent', true], [''], ['Held back most often by'], ['What it is']]}>
              {all.map((one) => {
                const considered = total(one.outcomes);
                const sent = one.outcomes.sent ?? 0;
                const holds = heldBackBy(one.outcomes);
                return (
                  <tr key={one.campaign}>
                    <td><CampaignLink campaign={one.campaign} /></td><td class="number">{count(considered)}</td><td class="number">{count(sent)}</td>
                    <td class="number">{considered ? percent(sent / considered, 0) : '–'}</td>
                    <td class="barcell"><Bar share={considered ? sent / considered : 0} tone="sent" label={considered ? percent(sent / considered, 0) : 'never considered'} /></td>
                    <td>{holds ? <Badge tone="held" help={outcomeHelp(holds)}>{outcomeName(holds)}</Badge> : '–'}</td>
                    <td class="text">{one.description ?? ''}</td>
                  </tr>
                );
              })}
            </Table>
          </Card>
        ) : <Empty>The rules define no campaigns: segments fill, and nothing is sent. Write one in <a href="#/rules">Rules</a>.</Empty>)}
      </Loaded>
      <Budgets />
    </Page>
  );
}

export function Campaign({ id }) {
  const campaigns = useData('/v1/campaigns', 5000);
  const found = campaigns.data?.find((one) => one.campaign === id);
  return (
    <Page title={id} lead={found && [found.description, triggerName(found.trigger)].filter(Boolean).join(': decides ')} actions={<a class="button" href={`#/live?${query({ kinds: 'decision', campaign: id })}`}>Watch live</a>}>
      <Loaded of={campaigns} what="the campaign">
        {() => (found ? <><Outcomes found={found} /><Variants found={found} /></> : <Empty>The rules define no campaign “{id}”. <a href="#/campaigns">All campaigns</a></Empty>)}
      </Loaded>
      <Uplift id={id} />
      {found?.budgets?.length > 0 && <Budgets only={found.budgets.map((one) => one.budget ?? one)} />}
    </Page>
  );
}

function Outcomes({ found }) {
  const { outcomes } = found;
  const considered = total(outcomes);
  const sent = outcomes.sent ?? 0;
  const measured = (outcomes.control ?? 0) + (outcomes.holdout ?? 0);
  const known = Object.keys(OUTCOMES).filter((one) => outcomes[one] > 0);
  const others = Object.keys(outcomes).filter((one) => !OUTCOMES[one] && outcomes[one] > 0);
  // In the order in which a campaign decides: what is left after each step.
  let left = considered;
  const rows = [...known, ...others].map((outcome) => {
    const before = left;
    left -= outcomes[outcome];
    return { outcome, n: outcomes[outcome], before };
  });
  return (
    <Card title="What became of each occasion" note="in the order in which the campaign decides" wide>
      <div class="figures">
        <Figure name="Considered" value={count(considered)} note="occasions since the rules began to count" />
        <Figure name="Sent" value={count(sent)} note={considered ? percent(sent / considered) : undefined} />
        <Figure name="Not sent, to measure" value={count(measured)} note="control group and holdout" />
        <Figure name="Held back" value={count(considered - sent - measured)} note={heldBackBy(outcomes) && `most often: ${outcomeName(heldBackBy(outcomes))}`} />
      </div>
      {rows.length ? (
        <ol class="funnel">
          {rows.map(({ outcome, n, before }) => (
            <li key={outcome} class={outcomeGroup(outcome)}>
              <span class="name"><Badge tone={outcomeGroup(outcome)}>{outcomeName(outcome)}</Badge></span>
              <Bar share={n / considered} tone={outcomeGroup(outcome)} label={percent(n / considered)} />
              <span class="number">{count(n)} <small>{percent(n / considered)}</small></span>
              <span class="help">{outcomeHelp(outcome)}{outcome !== 'sent' && before > n && ` ${count(before - n)} went on to the next step.`}</span>
            </li>
          ))}
        </ol>
      ) : <Empty>Nothing has set it off since the rules began to count. It decides {triggerName(found.trigger) || 'when its segment changes'}.</Empty>}
    </Card>
  );
}

function Variants({ found }) {
  if (!found.variants?.length) return null;
  return <Card title="Variants" note="one of them is chosen for each person, who keeps it"><p class="buttons">{found.variants.map((id) => <Badge>{id}</Badge>)}</p><p class="hint">What each brought stands under “Did it work?”, as soon as anybody was counted.</p></Card>;
}

function Budgets({ only }) {
  const budgets = useData('/v1/budgets', 10_000);
  if (budgets.data && !budgets.data.length) return null;
  return (
    <Card title="Budgets">
      <Loaded of={budgets} what="the budgets">
        {(all) => (
          <Table label="Budgets" columns={[['Budget'], ['Limit', true], ['Spent', true], ['Reserved', true], ['Used', true], [''], ['Refused', true]]}>
            {all.filter((one) => !only || only.includes(one.budget)).map((one) => (
              <tr>
                <td>{one.budget}<br /><small>{one.description}</small></td>
                <td class="number">{number(one.limit)}<br /><small>{one.per ? `per ${one.per}` : 'in all'}</small></td>
                <td class="number">{number(one.spent)}</td><td class="number">{number(one.reserved)}</td>
                <td class="number">{percent(one.used)}</td>
                <td class="barcell"><Bar share={one.used} tone={one.used >= 0.9 ? 'bad' : ''} label={`${percent(one.used)} used`} /></td>
                <td class="number">{count(one.refused)}</td>
              </tr>
            ))}
          </Table>
        )}
      </Loaded>
    </Card>
  );
}
