// What a person would be offered now, and why each item.
import { useEffect, useState } from 'preact/hooks';
import { path, request } from './api.js';
import { number } from './format.js';
import { useData } from './hooks.js';
import { Card, Empty, Loaded, Rows } from './ui.jsx';
import { pickReason } from './words.js';

const ITEMS = 5;

export function Offers({ user }) {
  const lists = useData('/v1/picks');
  if (lists.data && !lists.data.length) return null;
  return (
    <Loaded of={lists} what="what is offered">
      {(found) => found.map((list) => <Offer key={list.picks} list={list} user={user} />)}
    </Loaded>
  );
}

function Offer({ list, user }) {
  const [state, setState] = useState({ data: null, error: null });
  useEffect(() => {
    const abort = new AbortController();
    request('POST', path`/v1/picks/${list.picks}`, { user, n: ITEMS }, { signal: abort.signal }).then(
      (data) => setState({ data, error: null }),
      (error) => { if (error.name !== 'AbortError') setState({ data: null, error }); },
    );
    return () => abort.abort();
  }, [list.picks, user]);
  return (
    <Card title={`Would be offered: ${list.picks}`} note={list.description || undefined}>
      <Loaded of={state} what="the list">
        {(found) => (found.items.length ? (
          <Rows label={`Offered by ${list.picks}`} columns={[['Item'], ['Because'], ['Score', true]]} rows={found.items.map((one) => [<code>{one.item}</code>, pickReason(one.because), number(one.score)])} />
        ) : <Empty>Nothing: too little is known of this person for this list.</Empty>)}
      </Loaded>
    </Card>
  );
}
