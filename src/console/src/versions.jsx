// Earlier versions of the rules, and going back to one.
import { useState } from 'preact/hooks';
import { get, path } from './api.js';
import { Difference } from './apply.jsx';
import { useData } from './hooks.js';
import { Action, At, Badge, Card, Empty, Loaded, Table, UserLink } from './ui.jsx';
import { changeName, changeOutcome, changedBy, putInForceBy } from './words.js';

export function Versions({ rules, mayChange, onTake }) {
  const versions = useData('/v1/rules/versions', 10_000);
  const [shown, setShown] = useState(null);
  const read = (version) => get(path`/v1/rules/versions/${version}`);
  return (
    <>
      <Card title="Versions" note="newest first">
        <Loaded of={versions} what="earlier versions">
          {(found) => (
              <Table label="Versions of the rules" columns={[['Version'], ['In use since'], ['By'], ['']]}>
                {found.versions.map((one) => (
                  <tr key={one.version + one.since}>
                    <td><code>{one.version}</code> {one.current && <Badge tone="sent">in use</Badge>}</td><td><At at={one.since} /></td><td>{putInForceBy(one.by)}</td>
                    <td class="buttons">{!one.current && <>
                      <Action run={async () => setShown({ version: one.version, text: await read(one.version) })} busy="Reading…">Compare</Action>
                      {mayChange && <Action run={async () => onTake(await read(one.version))} busy="Reading…">Go back to it…</Action>}
                    </>}</td>
                  </tr>
                ))}
              </Table>
          )}
        </Loaded>
      </Card>
      {shown && <Card title={`From version ${shown.version} to the one in use`}><Difference before={shown.text} after={rules.text} /></Card>}
      <Audit />
    </>
  );
}

function Audit() {
  const audit = useData('/v1/audit?limit=50', 30_000);
  return (
    <Card title="Who changed what" note="as recorded in the log">
      <Loaded of={audit} what="what was recorded">
        {({ records }) => (records.length ? (
          <Table label="Changes" columns={[['When'], ['Who'], ['What'], ['What came of it']]}>
            {records.map((one) => (
              <tr key={one.id}>
                <td><At at={one.at} /></td><td>{changedBy(one.who)}{one.who.address && <small> {one.who.address}</small>}</td><td class="text"><Change one={one} /></td>
                <td class="text"><Badge tone={{ done: 'sent', refused: 'held' }[one.outcome] ?? ''}>{changeOutcome(one.outcome)}</Badge> {one.detail && <small>{one.detail}</small>}</td>
              </tr>
            ))}
          </Table>
        ) : <Empty>Nobody has changed anything through the API yet.</Empty>)}
      </Loaded>
    </Card>
  );
}

const Change = ({ one }) => (
  <>{changeName(one.what)}{one.user && <> <UserLink user={one.user} /></>}{one.version && <>{one.previous ? ' to ' : ' '}<code>{one.version}</code></>}{one.previous && <> from <code>{one.previous}</code></>}</>
);
