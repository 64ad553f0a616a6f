// Applying rules: what changes, from when, and what was refused.
import { useEffect, useState } from 'preact/hooks';
import { request } from './api.js';
import { percent, plural } from './format.js';
import { difference } from './rules-text.js';
import { Action, Dialog, ErrorBox } from './ui.jsx';

export function Difference({ before, after }) {
  const lines = difference(before, after);
  if (!lines.length) return <p class="hint">The text is the same.</p>;
  return (
    <pre class="difference" tabIndex={0} aria-label="What changes in the text">{lines.map((one) => <span class={one.kind}><span class="visually-hidden">{{ old: 'taken out: ', new: 'put in: ', same: '' }[one.kind]}</span>{{ old: '− ', new: '+ ', same: '  ' }[one.kind]}{one.line}{'\n'}</span>)}</pre>
  );
}

/** A change that is run over the log first: how far it is, until it has taken over or failed. */
function FromLog({ onApplied, onClose }) {
  const [state, setState] = useState(null);
  const [error, setError] = useState(null);
  useEffect(() => {
    let isOpen = true;
    const watch = async () => {
      try {
        const now = await request('GET', '/v1/rules/reload');
        if (!isOpen) return;
        setState(now);
        setError(null);
        if (now.state === 'applied') { onApplied({ changed: true, ...now }); return; }
        if (['failed', 'cancelled'].includes(now.state)) return;
      } catch (problem) {
        if (isOpen) setError(problem);
      }
      if (isOpen) setTimeout(watch, 500);
    };
    watch();
    return () => { isOpen = false; };
  }, []);
  const isOver = ['failed', 'cancelled'].includes(state?.state);
  return (
    <Dialog title="Running the new rules over the log" onClose={onClose}>
      {!isOver && <p role="status"><progress value={state?.progress} aria-label="Progress" /> {state ? `${percent(state.progress, 0)} of the log, ${plural(state.events ?? 0, 'event')} read` : 'Beginning…'}</p>}
      {state?.state === 'cancelled' && <p role="status">Stopped. The rules in use have not changed, and the rules file is as it was.</p>}
      {state?.state === 'failed' && <ErrorBox error={{ message: `${state.error ?? ''} The rules in use have not changed, and the rules file is as it was.` }} />}
      <ErrorBox error={error} />
      <p class="hint">The daemon goes on working by the rules in use until the new ones take over. You can leave this page.</p>
      <p class="buttons">{!isOver && <Action run={() => request('DELETE', '/v1/rules/reload')} busy="Stopping…">Stop</Action>}<button type="button" class="primary" onClick={onClose}>{isOver ? 'Close' : 'Leave it running'}</button></p>
    </Dialog>
  );
}

export function Apply({ base, draft, onClose, onApplied }) {
  const [from, setFrom] = useState('now');
  const [error, setError] = useState(null);
  const [isReading, setReading] = useState(false);
  const apply = async () => {
    setError(null);
    const answer = await request('PUT', '/v1/rules', { text: draft, replaces: base.version, from: from === 'log' ? 'log' : null });
    if (from === 'log') setReading(true);
    else onApplied(answer);
  };
  if (isReading) return <FromLog onApplied={onApplied} onClose={onClose} />;
  return (
    <Dialog title="Apply this change?" onClose={onClose}>
      <Difference before={base.text} after={draft} />
      <fieldset class="choices">
        <legend>What the new rules know of the past</legend>
        <label><input type="radio" name="from" checked={from === 'now'} onChange={() => setFrom('now')} /> <span><strong>Begin now.</strong> What is new in them starts empty, and fills from now on. Takes effect at once.</span></label>
        <label><input type="radio" name="from" checked={from === 'log'} onChange={() => setFrom('log')} /> <span><strong>Know the past.</strong> They are run over the log first, as far back as it reaches, and take over with the state they would have had all along. Takes a while; the daemon goes on working.</span></label>
      </fieldset>
      <p class="hint">Either way nobody gets a message because of the change itself. You can go back to this version under <em>Versions</em>. The change is recorded with who made it and when.</p>
      {error?.body?.in_force ? <div class="error" role="alert">Somebody else has changed the rules meanwhile. Copy your text, reload the page, and make your change on theirs. ({error.message})</div> : error && <ErrorBox error={error} />}
      {error?.body?.diagnostics?.length > 0 && <ul>{error.body.diagnostics.slice(0, 10).map((one) => <li>Line {one.line}: {one.message}</li>)}</ul>}
      <p class="buttons"><button type="button" onClick={onClose}>Not yet</button><Action run={apply} kind="primary" busy={from === 'log' ? 'Running over the log…' : 'Applying…'} onError={setError}>Apply</Action></p>
    </Dialog>
  );
}
