// Why messages came or did not: each time that a campaign considered a person, with the steps that it went through.
import { instant, sentence } from './format.js';
import { Tree } from './memberships.jsx';
import { At, Badge, CampaignLink, Card, Empty, OutcomeBadge } from './ui.jsx';
import { causeName, outcomeHelp, triggerName } from './words.js';

export function Decisions({ explained, decisions, now }) {
  const all = [...(explained ?? decisions ?? [])].reverse();
  return (
    <Card title="Why messages came, or did not" note="the latest times a campaign considered this person, newest first">
      {all.length ? <div class="why-list">{all.map((one) => <Decision key={one.campaign + one.at + one.key} one={one} now={now} />)}</div>
        : <Empty>No campaign has considered this person since the daemon remembers. A campaign considers somebody when its segment changes, or its event happens: look under <em>Segments and why</em> at what is missing.</Empty>}
    </Card>
  );
}

function Decision({ one, now }) {
  const steps = one.steps ?? [];
  return (
    <details class="why">
      <summary>
        <span class="mark" aria-hidden="true">{one.outcome === 'sent' ? '✓' : '✗'}</span>
        <span class="of">{one.campaign}{one.key && <span class="key"> {one.key}</span>}<br /><small>{instant(one.at)}</small></span>
        <span class="sentence"><OutcomeBadge outcome={one.outcome} /> {sentence(one.sentence ?? outcomeHelp(one.outcome), one.at)}</span>
      </summary>
      <p class="hint"><CampaignLink campaign={one.campaign} /> decided <At at={one.at} now={now} />{one.on && <>, {triggerName(one.on)}</>} {causeName(one.cause)}.</p>
      {steps.length > 0 && <ul class="tree">{steps.map((step) => <Step step={step} at={one.at} />)}</ul>}
      {one.action && <p class="hint">Its message is <code>{typeof one.action === 'string' ? one.action : one.action.id}</code>.</p>}
    </details>
  );
}

function Step({ step, at }) {
  return (
    <li class={`clause ${step.passed ? 'holds' : 'fails'}`}>
      <span class="mark" aria-hidden="true">{step.passed ? '✓' : '✗'}</span>
      <span class="body">
        <span class="visually-hidden">{step.passed ? 'Passed: ' : 'Stopped here: '}</span>
        <strong>{step.step.replaceAll('_', ' ')}</strong>{step.sentence && <span class="plainly">{sentence(step.sentence, at)}</span>}
        {!step.passed && <Badge tone="held">this decided</Badge>}
        {step.condition && <Tree condition={step.condition} now={at} />}
      </span>
    </li>
  );
}
