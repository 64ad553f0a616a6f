// People: find one by id, anonymous id or trait.
import { useState } from 'preact/hooks';
import { path, query } from './api.js';
import { link, useData, useDelayed } from './hooks.js';
import { Badge, Card, Empty, ErrorBox, Page, Table, UserLink } from './ui.jsx';

const HOW = { id: 'by id', anonymous_id: 'by anonymous id', trait: 'by a trait' };

export function People({ search }) {
  const [text, setText] = useState(search.get('query') ?? '');
  const asked = useDelayed(text.trim(), 250);
  const found = useData(asked ? `/v1/users?${query({ query: asked, limit: 50 })}` : null);
  // An older daemon cannot search; it knows ids.
  const exact = useData(asked && found.error?.isNoEndpoint ? path`/v1/users/${asked}/segments` : null);
  const submit = (event) => {
    event.preventDefault();
    const first = found.data?.users[0]?.user ?? (exact.data && asked);
    if (first) location.hash = link('people', first);
  };
  return (
    <Page title="People" lead="Find somebody: who they are, what they are in and why, and what happens next.">
      <form class="search" role="search" onSubmit={submit}>
        <label for="find">User id, anonymous id, or a trait such as an e-mail address</label>
        <input id="find" type="search" autocomplete="off" autofocus value={text} onInput={(event) => setText(event.currentTarget.value)} placeholder="u42, ada@shop.example" />
      </form>
      {found.error && !found.error.isNoEndpoint && <ErrorBox error={found.error} what="who fits" />}
      {!asked && <Empty>Type an id or a trait. People who are in a segment are listed in <a href="#/segments">Segments</a>.</Empty>}
      {found.data && (found.data.users.length ? (
        <Card>
          <Table label="Who fits" columns={[['Person'], ['Found']]}>
            {found.data.users.map((one) => <tr key={one.user}><td><UserLink user={one.user} /></td><td><Badge>{one.trait ? `by ${one.trait}` : HOW[one.matched] ?? one.matched}</Badge></td></tr>)}
          </Table>
          {found.data.more && <p class="hint">There are more. Type more of it to narrow them down.</p>}
        </Card>
      ) : <Empty>Nobody fits “{asked}”. Ids must be typed as your shop sends them; people who were forgotten are not found.</Empty>)}
      {exact.data && <Card><p><UserLink user={asked} /> is known.</p></Card>}
      {exact.error && <ErrorBox error={exact.error} what={`the person “${asked}”`} />}
    </Page>
  );
}
