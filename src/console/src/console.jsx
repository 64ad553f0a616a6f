// The console: who is signed in, the pages, and which one is shown.
import { render } from 'preact';
import { useCallback, useEffect, useState } from 'preact/hooks';
import { get, request, whenSignedOut } from './api.js';
import { Campaign, Campaigns } from './campaigns.jsx';
import { Group } from './groups.jsx';
import { TableRow } from './products.jsx';
import { Growth } from './growth.jsx';
import { setCurrency } from './format.js';
import { link, useRoute } from './hooks.js';
import { Live } from './live.jsx';
import { People } from './people.jsx';
import { Person } from './person.jsx';
import { Rules } from './rules.jsx';
import { Segment, Segments } from './segments.jsx';
import { Session } from './session.js';
import { SignIn } from './signin.jsx';
import { ErrorBox, Page } from './ui.jsx';

const PAGES = [
  ['live', 'Live', 'M3 12h4l3-8 4 16 3-8h4'],
  ['people', 'People', 'M16 20v-2a4 4 0 0 0-8 0v2M12 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7'],
  ['segments', 'Segments', 'M12 3a9 9 0 1 0 9 9h-9zM16 3.5A9 9 0 0 1 20.5 8H16z'],
  ['campaigns', 'Campaigns', 'M3 7l9 6 9-6M3 6h18v12H3z'],
  ['growth', 'Growth', 'M4 20V10M10 20V4M16 20v-7M21 20H3'],
  ['rules', 'Rules', 'M8 6l-5 6 5 6M16 6l5 6-5 6'],
];

function Navigation({ current, session, onSignOut }) {
  return (
    <nav aria-label="Pages">
      <a class="brand" href="#/live"><img src="/icon.svg" alt="" width="26" height="26" />Rekindle</a>
      <ul>
        {PAGES.map(([id, name, icon]) => (
          <li><a href={link(id)} aria-current={current === id ? 'page' : undefined}><svg viewBox="0 0 24 24" aria-hidden="true"><path d={icon} /></svg>{name}</a></li>
        ))}
      </ul>
      <div class="who">
        <span>{session.role === 'reader' ? 'You may look, not change' : 'You may change things'}</span>
        {session.sign_in && <button type="button" class="plain" onClick={onSignOut}>Sign out</button>}
      </div>
    </nav>
  );
}

function Shown({ parts, search }) {
  const [page, id, key] = parts;
  switch (page) {
    case undefined:
    case 'live': return <Live search={search} />;
    case 'people': return id ? <Person key={id} user={id} /> : <People search={search} />;
    case 'segments': return id ? <Segment key={id} id={id} /> : <Segments />;
    case 'groups': return key ? <Group key={`${id}/${key}`} of={id} id={key} /> : <Segments />;
    case 'tables': return key ? <TableRow key={`${id}/${key}`} table={id} id={key} /> : <Segments />;
    case 'campaigns': return id ? <Campaign key={id} id={id} /> : <Campaigns />;
    case 'growth': return <Growth />;
    case 'rules': return <Rules search={search} />;
    default: return <Page title="Not here" lead="There is no such page."><p><a href="#/live">Go to Live</a></p></Page>;
  }
}

function Console() {
  const route = useRoute();
  const [session, setSession] = useState(null);
  const [error, setError] = useState(null);
  const load = useCallback(async () => {
    try {
      const found = await get('/v1/session');
      setSession(found.role ? found : { role: null, sign_in: true });
      setError(null);
    } catch (problem) {
      if (problem.status === 401) setSession({ role: null, sign_in: true });
      else if (problem.isNoEndpoint) setSession({ role: 'operator', sign_in: false });
      else { setError(problem); setTimeout(load, 2000); }
    }
  }, []);
  useEffect(() => {
    whenSignedOut(() => setSession((old) => (old?.role ? { role: null, sign_in: true } : old)));
    load();
  }, []);
  // Amounts have the sign of the currency that the rules name, on all pages.
  const role = session?.role;
  useEffect(() => {
    if (role) get('/v1/growth/targets').then((found) => setCurrency(found.currency), () => {});
  }, [role]);
  const signOut = async () => {
    await request('DELETE', '/v1/session').catch(() => {});
    setSession({ role: null, sign_in: true });
  };
  if (error && !session) return <main class="alone"><ErrorBox error={error} /></main>;
  if (!session) return <main class="alone"><p role="status">Connecting…</p></main>;
  if (!session.role) return <SignIn onSignedIn={setSession} />;
  return (
    <Session.Provider value={session}>
      <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); document.querySelector('#main h1')?.focus(); }}>Skip to the content</a>
      <div class="console">
        <Navigation current={route.parts[0] ?? 'live'} session={session} onSignOut={signOut} />
        <Shown {...route} />
      </div>
    </Session.Provider>
  );
}

render(<Console />, document.getElementById('console'));
