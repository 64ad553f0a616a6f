// Groups: those in a segment, and one with its people.
import { useState } from 'preact/hooks';
import { get, path, query } from './api.js';
import { instant, plural, relative, value } from './format.js';
import { link, useData } from './hooks.js';
import { Tree } from './memberships.jsx';
import { Action, At, Badge, Card, Empty, Figure, Loaded, Page, Rows, SegmentLink, UserLink } from './ui.jsx';

export const GroupLink = ({ of, id }) => <a class="id" href={link('groups', of, id)}>{id}</a>;

/** The groups in a segment. */
export function SegmentGroups({ segment, of }) {
  const [pages, setPages] = useState(null);
  const first = useData(`${path`/v1/segments/${segment}/groups`}?limit=50`);
  const shown = pages ?? first.data;
  const more = async () => {
    const page = await get(`${path`/v1/segments/${segment}/groups`}?${query({ limit: 50, cursor: shown.next })}`);
    setPages({ groups: [...shown.groups, ...page.groups], next: page.next });
  };
  const start = async () => { setPages(null); await first.reload(); };
  return (
    <Card title="Which are in it" note="by key">
      <p class="filters"><Action run={start}>Read again</Action></p>
      <Loaded of={first} what="its groups">
        {() => (shown.groups.length || shown.next ? (
          <>
            <ul class="members">{shown.groups.map((key) => <li key={key}><GroupLink of={of} id={key} /></li>)}</ul>
            <p class="hint">{plural(shown.groups.length, 'group')} shown.</p>
            {shown.next && <Action run={more} busy="Reading…">Show more</Action>}
          </>
        ) : <Empty>No {of} is in it now.</Empty>)}
      </Loaded>
    </Card>
  );
}

/** One group: its people, its segments and why, what is due. */
export function Group({ of, id }) {
  const group = useData(path`/v1/groups/${of}/${id}`, 5000);
  const isGone = group.error?.status === 404 && !group.error.isNoEndpoint;
  return (
    <Page title={id} lead={`A ${of}: what several people do together.`}>
      {isGone ? <Empty>There is no {of} “{id}”, or not any more. <a href="#/segments">All segments</a></Empty> : (
        <Loaded of={group} what="the group">{(found) => <Known group={found} />}</Loaded>
      )}
    </Page>
  );
}

function Known({ group }) {
  return (
    <>
      <div class="figures">
        <Figure name="Began" value={instant(group.first_match)} note={`latest match ${relative(group.latest_match, group.at)}`} />
        <Figure name="Changes by time alone" value={instant(group.next_wake_up)} note={`${relative(group.next_wake_up, group.at)}, at the earliest`} />
        <Figure name="Is forgotten" value={instant(group.forgotten_at)} note="if nothing more happens" />
      </div>
      {group.members.map((one) => (
        <Card key={one.name} title={`People: ${one.name}`} note="as they came; the first thousand">
          {one.users.length ? <ul class="members">{one.users.map((user) => <li key={user}><UserLink user={user} /></li>)}</ul> : <Empty>Nobody who is still known.</Empty>}
        </Card>
      ))}
      {!group.members.length && <Card title="People"><Empty>The rules tell nobody of this group anything by <code>to</code>: who is in it is counted, not kept.</Empty></Card>}
      <Card title="Segments, and why">
        <div class="why-list">
          {group.conditions.map((one) => (
            <details key={one.segment} class={`why ${one.is_in ? 'in' : 'out'}`} open={one.is_in}>
              <summary>
                <span class="mark" aria-hidden="true">{one.is_in ? '✓' : '✗'}</span>
                <span class="of">{one.segment}</span>
                <span class="sentence">{one.is_in ? 'is in it' : 'is not in it'}</span>
              </summary>
              <p class="hint"><SegmentLink segment={one.segment} /> as of <At at={group.at} />.</p>
              <Tree condition={one.condition} now={group.at} />
            </details>
          ))}
        </div>
      </Card>
      <Card title="What is known of it" note={<>by the rules; <Badge>{group.of}</Badge></>}>
        <Rows label="Features" columns={[['Feature'], ['Value', true]]} rows={group.features.map((one) => [<code>{one.feature}</code>, value(one.value)])} />
      </Card>
    </>
  );
}
