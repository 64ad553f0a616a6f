// Try it: the edited rules over the last days of the log, against those in use.
import { useEffect, useRef, useState } from 'preact/hooks';
import { path, request } from './api.js';
import { percent } from './format.js';
import { useData } from './hooks.js';
import { BacktestResult } from './tryit-result.jsx';
import { Action, Card, ErrorBox } from './ui.jsx';

const DAYS = [1, 7, 14, 30, 90];

export function TryIt({ text, isChanged, mayChange, onApply }) {
  const [days, setDays] = useState(7);
  const [job, setJob] = useState(null);
  const [error, setError] = useState(null);
  const stats = useData('/v1/stats');
  const isOpen = useRef(true);
  useEffect(() => () => { isOpen.current = false; }, []);
  const watch = async (id) => {
    while (isOpen.current) {
      const now = await request('GET', path`/v1/rules/backtest/${id}`);
      if (!isOpen.current) return;
      setJob({ id, days, text, ...now });
      if (now.state !== 'running') return;
      await new Promise((done) => setTimeout(done, 400));
    }
  };
  const start = async () => {
    setError(null);
    setJob(null);
    const to = stats.data?.watermark ?? new Date().toISOString();
    const from = new Date(Date.parse(to) - days * 86_400_000).toISOString();
    try {
      const { id } = await request('POST', '/v1/rules/backtest', { text, from, to });
      setJob({ id, days, state: 'running', progress: 0 });
      await watch(id);
    } catch (problem) {
      if (isOpen.current) setError(problem);
    }
  };
  const stop = async () => {
    await request('DELETE', path`/v1/rules/backtest/${job.id}`);
    setJob(null);
  };
  const isRunning = job?.state === 'running';
  const isOld = job?.state === 'done' && job.text !== text;
  return (
    <>
      <Card title="What would it have done?" note="nothing is sent">
        <p>{isChanged ? 'Your change is run over the log beside the rules in use, and compared with them.' : 'You have changed nothing: the rules in use are run over the log, which says what they did.'}</p>
        <p class="filters">
          <label>Over the last <select value={days} disabled={isRunning} onChange={(event) => setDays(Number(event.currentTarget.value))}>{DAYS.map((one) => <option value={one}>{one === 1 ? 'day' : `${one} days`}</option>)}</select></label>
          {isRunning ? <Action run={stop}>Stop</Action> : <Action run={start} kind="primary" busy="Running…">{job ? 'Run again' : 'Run it'}</Action>}
        </p>
        {isRunning && <p role="status"><progress value={job.progress ?? undefined} aria-label="Progress" /> {percent(job.progress, 0)} of the log read</p>}
        {error && <ErrorBox error={error} what={error.isNoEndpoint ? 'to try rules on the past' : undefined} />}
        {job?.state === 'failed' && <ErrorBox error={{ message: job.error ?? job.detail ?? job.message ?? 'It stopped. Run it again.' }} />}
        {isOld && <p class="hint">You have changed the rules since: run it again.</p>}
      </Card>
      {job?.state === 'done' && <BacktestResult result={job.result} text={job.text} />}
      {job?.state === 'done' && isChanged && !isOld && mayChange && <p class="buttons"><button type="button" class="primary" onClick={onApply}>Apply this change…</button></p>}
    </>
  );
}
