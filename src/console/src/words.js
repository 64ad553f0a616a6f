// What the engine's outcomes mean, in words for people who have not read the rules language.

/** Outcomes of decisions in the order in which a campaign decides (docs/rules.md). */
export const OUTCOMES = {
  too_late: ['too late', 'The reason to write was longer ago than the message is worth sending (expires).', 'held'],
  stale: ['no longer true', 'When quiet hours ended, the person was not in the segment any more.', 'held'],
  condition: ["condition not met", "The campaign's own condition (if) did not hold.", 'held'],
  max_per_user: ['had it often enough', 'The person has had this campaign as often as max_per_user allows.', 'held'],
  max_per_key: ['had it for this key', 'This cart, order or category has had the campaign as often as max_per_key allows.', 'held'],
  cooldown: ['cooling down', 'The person had this campaign too recently (cooldown).', 'held'],
  deferred: ['waiting for the morning', 'It is night where the person is (quiet_hours): decided again when it ends.', 'waits'],
  pending: ['already waiting', 'A decision of this campaign already waits for the end of quiet hours.', 'held'],
  capped: ['enough messages', 'The person has had as many messages as a cap allows.', 'held'],
  insufficient: ['too few points', 'The person has fewer points than the price.', 'held'],
  budget: ['budget used up', 'A budget lacks what this would cost.', 'held'],
  no_luck: ['lost the draw', 'The draw (chance) was lost.', 'group'],
  control: ['control group', 'The person is in the control group, who are sent nothing, so that the effect can be measured.', 'group'],
  holdout: ['holdout', "The person is in this campaign's holdout, who are not sent it, so that its effect can be measured.", 'group'],
  sent: ['sent', 'The message went out.', 'sent'],
};

export const outcomeName = (outcome) => OUTCOMES[outcome]?.[0] ?? String(outcome).replaceAll('_', ' ');
export const outcomeHelp = (outcome) => OUTCOMES[outcome]?.[1] ?? '';
export const outcomeGroup = (outcome) => OUTCOMES[outcome]?.[2] ?? 'held';

/** Why something happened. */
export function causeName(cause) {
  if (!cause) return '';
  return { time: 'as time passed', points: 'by a price in points', rules: 'by a change of the rules', ttl: 'it was forgotten', max: 'too many at a time' }[cause] ?? 'by an event';
}

/** Why an item is offered: `session:A-1`. */
export function pickReason(because) {
  const at = because.indexOf(':');
  const [kind, of] = at < 0 ? [because, ''] : [because.slice(0, at), because.slice(at + 1)];
  return {
    session: `people who also looked at ${of} went on to it`,
    together: `others have it together with ${of}`,
    similar: `it is like ${of}`,
    popular: 'many people choose it',
    again: 'it is due again',
  }[kind] ?? because;
}

/** What was changed over the API, as one says it of somebody. */
const CHANGES = {
  rules_changed: 'changed the rules',
  rules_changed_from_log: 'changed the rules, with the past',
  rules_reloaded: 'reloaded the rules file',
  rules_reloaded_from_log: 'reloaded the rules file, with the past',
  reload_cancelled: 'stopped a change of the rules',
  user_forgotten: 'forgot a person',
  consent_recorded: 'recorded what a person consents to',
  signed_in: 'signed in',
  signed_out: 'signed out',
};

export const changeName = (what) => CHANGES[what] ?? String(what).replaceAll('_', ' ');

/** What came of a change. */
export const changeOutcome = (outcome) => ({ done: 'done', begun: 'begun', unchanged: 'nothing to change', refused: 'refused' })[outcome] ?? outcome;

/** Who made a change: what the daemon does for somebody bears their name. */
export const changedBy = ({ role, name }) => (role === 'daemon' ? ({ start: 'the daemon, at its start', signal: 'SIGHUP' })[name] ?? `the daemon, for ${name}` : name);

/** Who put rules in force. */
export const putInForceBy = (by) => ({ '': '–', start: 'the rules file, at the start', signal: 'the rules file, by SIGHUP', local: 'somebody on the daemon’s machine', token: 'a program, with the token' })[by] ?? by;

/** "cart_abandoned" as a title. */
export const title = (id) => id.charAt(0).toUpperCase() + id.slice(1).replaceAll('_', ' ');

/** What sets a campaign off: "enter:cart_abandoned". */
export function triggerName(on) {
  if (on && typeof on === 'object') return triggerName(on.on ?? Object.entries(on).map(([kind, id]) => `${kind}:${id}`)[0]);
  const [kind, id] = String(on ?? '').split(':');
  return { enter: `when somebody enters ${id}`, exit: `when somebody leaves ${id}`, event: `at each event “${id}”` }[kind] ?? on ?? '';
}
