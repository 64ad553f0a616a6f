// Components that all pages use.
import { useEffect, useRef, useState } from 'preact/hooks';
import { coming, instant, relative } from './format.js';
import { link } from './hooks.js';
import { outcomeGroup, outcomeHelp, outcomeName } from './words.js';

/** A page: its heading, a sentence that says what it is for, and its content. */
export function Page({ title, lead, actions, children }) {
  const heading = useRef(null);
  useEffect(() => {
    document.title = `${title} · Rekindle`;
    // So that a screen reader begins here after a change of pages.
    if (!document.activeElement || document.activeElement === document.body || document.activeElement.closest('nav')) heading.current?.focus();
  }, [title]);
  return (
    <main id="main">
      <header class="page-head">
        <div>
          <h1 ref={heading} tabIndex={-1}>{title}</h1>
          {lead && <p class="lead">{lead}</p>}
        </div>
        {actions && <div class="actions">{actions}</div>}
      </header>
      {children}
    </main>
  );
}

export function Card({ title, note, children, wide, id }) {
  return (
    <section class={wide ? 'card wide' : 'card'} id={id}>
      {title ? <h2>{title}{note && <small>{note}</small>}</h2> : note && <p class="hint">{note}</p>}
      {children}
    </section>
  );
}

export function Figure({ name, value, note, tone }) {
  return (
    <div class="figure">
      <div class="name">{name}</div>
      <div class="value">{value}</div>
      {note && <div class={`note ${tone ?? ''}`}>{note}</div>}
    </div>
  );
}

/** What went wrong and what to do, in the daemon's words. */
export function ErrorBox({ error, what }) {
  if (!error) return null;
  if (error.isNoEndpoint) return <p class="empty">This daemon does not offer {what ?? 'this'}: it is an older version, or a demo.</p>;
  const advice = { 403: 'Your role may only read. Ask for the token of an operator to change something.', 503: 'The daemon is busy or still starting; the page tries again by itself.' }[error.status];
  return (
    <div class="error" role="alert">
      <strong>{what ? `Could not read ${what}.` : 'That did not work.'}</strong> {error.message}{advice && <> {advice}</>}
    </div>
  );
}

/** Children once the data is there; before that, or instead, what is known. */
export function Loaded({ of, what, children }) {
  if (of.data) return <>{of.error && <ErrorBox error={of.error} what={what} />}{children(of.data)}</>;
  if (of.error) return <ErrorBox error={of.error} what={what} />;
  return <p class="empty" role="status">Reading {what}…</p>;
}

export const Empty = ({ children }) => <p class="empty">{children}</p>;

export function Badge({ tone, children, help }) {
  return <span class={`badge ${tone ?? ''}`} title={help}>{children}</span>;
}

export const OutcomeBadge = ({ outcome }) => <Badge tone={outcomeGroup(outcome)} help={outcomeHelp(outcome)}>{outcomeName(outcome)}</Badge>;

export const UserLink = ({ user }) => <a class="id" href={link('people', user)}>{user}</a>;
export const SegmentLink = ({ segment }) => <a class="id" href={link('segments', segment)}>{segment}</a>;
export const CampaignLink = ({ campaign }) => <a class="id" href={link('campaigns', campaign)}>{campaign}</a>;

/** An instant, with how long from or to now where `now` is given. */
export function At({ at, now, future }) {
  if (!at) return <span>–</span>;
  const away = now ? relative(at, now) : '';
  return <time dateTime={at} title={at}>{future ? coming(at, now) : instant(at)}{away && <small class="away"> {away}</small>}</time>;
}

/** A table that scrolls by itself where it is wider than the page. `columns`: name, and whether it holds numbers. */
export function Table({ label, columns, children }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={label}>
      <table>
        <thead><tr>{columns.map(([name, numeric]) => (name ? <th scope="col" class={numeric ? 'number' : ''}>{name}</th> : <td class="barcell" />))}</tr></thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

/** A table of cells; on a phone each row of more than four columns stands as a block, each cell with the name of its column. */
export function Rows({ label, columns, rows }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={label}>
      <table class={columns.length > 4 ? 'stacked' : ''}>
        <thead><tr>{columns.map(([name, numeric]) => <th scope="col" class={numeric ? 'number' : ''}>{name}</th>)}</tr></thead>
        <tbody>{rows.map((cells) => <tr>{cells.map((cell, index) => <td class={columns[index][1] ? 'number' : ''} data-name={index ? columns[index][0] : undefined}>{cell}</td>)}</tr>)}</tbody>
      </table>
    </div>
  );
}

/** A share as a bar; the number stands beside it. */
export function Bar({ share, tone, label }) {
  return <span class="bar" role="img" aria-label={label}><span class={tone ?? ''} style={{ width: `${Math.max(0, Math.min(1, share || 0)) * 100}%` }} /></span>;
}

/** A dialog that takes the focus, and gives it back. */
export function Dialog({ title, onClose, children }) {
  const dialog = useRef(null);
  useEffect(() => {
    dialog.current.showModal();
    return () => dialog.current?.close();
  }, []);
  return (
    <dialog ref={dialog} aria-labelledby="dialog-title" onCancel={(event) => { event.preventDefault(); onClose(); }}>
      <h2 id="dialog-title">{title}</h2>
      {children}
    </dialog>
  );
}

/** A button that does something that takes a while, and says what went wrong. */
export function Action({ run, children, kind, busy = 'Working…', onError, disabled }) {
  const [isRunning, setRunning] = useState(false);
  const [error, setError] = useState(null);
  const click = async () => {
    setRunning(true);
    setError(null);
    try {
      await run();
    } catch (problem) {
      if (onError) onError(problem);
      else setError(problem);
    } finally {
      setRunning(false);
    }
  };
  return (
    <>
      <button type="button" class={kind} disabled={isRunning || disabled} onClick={click}>{isRunning ? busy : children}</button>
      {error && <ErrorBox error={error} />}
    </>
  );
}

/** One of several views of a page. */
export function Tabs({ label, tabs, chosen, onChoose }) {
  const move = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const at = tabs.findIndex(([id]) => id === chosen);
    const next = tabs[(at + step + tabs.length) % tabs.length][0];
    onChoose(next);
    event.currentTarget.querySelector(`[data-tab="${next}"]`)?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label={label} onKeyDown={move}>
      {tabs.map(([id, name]) => (
        <button type="button" role="tab" data-tab={id} aria-selected={id === chosen} tabIndex={id === chosen ? 0 : -1} onClick={() => onChoose(id)}>{name}</button>
      ))}
    </div>
  );
}
