// Earlier versions of the rules, and going back to one.
import { useState } from 'preact/hooks';
import { get, path } from './api.js';
import { Difference } from './apply.jsx';
import { value } from './format.js';
import { useData } from './hooks.js';
import { Action, At, Badge, Card, Empty, Loaded, Table } from './ui.jsx';

export function Versions({ rules, mayChange, onTake }) {
  const versions = useData('/v1/rules/versions', 10_000);
  const [shown, setShown] = useState(null);
  const read = async (version) => {
    const text = await get(path`/v1/rules/versions/${version}`);
    return typeof text === 'string' ? text : text.text;
  };
  return (
    <>
      <Card title="Versions" note="newest first">
        <Loaded of={versions} what="earlier versions">
          {(found) => {
            const all = Array.isArray(found) ? found : found.versions;
            return all.length ? (
              <Table label="Versions of the rules" columns={[['Version'], ['In use since'], ['By'], ['']]}>
                {all.map((one) => (
                  <tr key={one.version + one.since}>
                    <td><code>{one.version}</code> {one.current && <Badge tone="sent">in use</Badge>}</td><td><At at={one.since} /></td><td>{one.by ? value(one.by) : '–'}</td>
                    <td class="buttons">{!one.current && <>
                      <Action run={async () => setShown({ version: one.version, text: await read(one.version) })} busy="Reading…">Compare</Action>
                      {mayChange && <Action run={async () => onTake(await read(one.version))} busy="Reading…">Go back to it…</Action>}
                    </>}</td>
                  </tr>
                ))}
              </Table>
            ) : <Empty>No earlier version is kept yet: the first change makes one.</Empty>;
          }}
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
        {(found) => {
          const all = Array.isArray(found) ? found : found.records ?? found.entries ?? [];
          return all.length ? (
            <Table label="Changes" columns={[['When'], ['Who'], ['What']]}>
              {all.map((one) => <tr><td><At at={one.at ?? one.when} /></td><td>{who(one)}</td><td class="text">{what(one)}</td></tr>)}
            </Table>
          ) : <Empty>Nobody has changed anything through the API yet.</Empty>;
        }}
      </Loaded>
    </Card>
  );
}

const who = (one) => { const by = one.who ?? one.by ?? {}; return typeof by === 'string' ? by : [by.role ?? one.role, by.session ?? by.address ?? one.address].filter(Boolean).join(', '); };
const what = (one) => { const text = one.what ?? one.action ?? one.kind ?? ''; return [typeof text === 'string' ? text.replaceAll('_', ' ') : JSON.stringify(text), one.user, one.version, one.detail].filter((part) => typeof part === 'string').join(' '); };
