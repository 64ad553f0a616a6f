// A row of a table, such as a product: what is known of it, and who waits for it.
import { path } from './api.js';
import { number, plural, value } from './format.js';
import { link, useData } from './hooks.js';
import { At, Badge, Card, Empty, Figure, Loaded, Page, Rows, SegmentLink, UserLink } from './ui.jsx';

export const RowLink = ({ table, id }) => <a class="id" href={link('tables', table, id)}>{id}</a>;

export function TableRow({ table, id }) {
  const row = useData(path`/v1/tables/${table}/${id}`, 5000);
  const isGone = row.error?.status === 404 && !row.error.isNoEndpoint;
  return (
    <Page title={id} lead={`A row of ${table}: what the shop says of it, and who waits for it.`}>
      {isGone ? <Empty>There is no “{id}” in {table}, or not any more. <a href="#/segments">All segments</a></Empty> : (
        <Loaded of={row} what="the row">{(found) => <Known row={found} />}</Loaded>
      )}
    </Page>
  );
}

function Known({ row }) {
  const values = Object.entries(row.values);
  // Those in a segment wait for something; the others have only looked.
  const waiting = [...row.named].sort((a, b) => (b.segments.length > 0) - (a.segments.length > 0));
  return (
    <>
      <div class="figures">
        <Figure name="Latest call" value={<At at={row.latest} now={row.at} />} />
        <Figure name="People it concerns" value={number(row.watchers)} note="who have a key of this row" />
      </div>
      <Card title="What is known of it" note="by the rules' keep">
        {values.length ? <dl class="pairs">{values.map(([name, one]) => <div><dt>{name}</dt><dd>{value(one)}</dd></div>)}</dl> : <Empty>Nothing that the rules keep.</Empty>}
      </Card>
      <Card title="Who waits for it" note={row.watchers > row.named.length ? `the first ${plural(row.named.length, 'person', 'people')}, by id` : undefined}>
        {waiting.length ? (
          <Rows
            label="Who waits for it"
            columns={[['Person'], ['Key'], ['Segments']]}
            rows={waiting.map((one) => [<UserLink user={one.user} />, <Badge>{one.per}</Badge>, one.segments.length ? one.segments.map((segment) => <><SegmentLink segment={segment} /> </>) : 'in none'])}
          />
        ) : <Empty>Nobody has looked at it, or no <code>[per]</code> of the rules has this table.</Empty>}
      </Card>
    </>
  );
}
