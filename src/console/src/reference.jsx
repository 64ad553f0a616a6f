// The reference beside the editor.
import { useState } from 'preact/hooks';
import { Card, Empty, Loaded } from './ui.jsx';

const fits = (text, ...parts) => parts.some((part) => part?.toLowerCase().includes(text));
const plain = (text) => (text ?? '').replaceAll('`', '').replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll('\\|', '|');

export function Reference({ of, onInsert }) {
  const [text, setText] = useState('');
  const asked = text.trim().toLowerCase();
  return (
    <aside class="reference" aria-label="Reference">
      <Card title="Reference">
        <Loaded of={of} what="the reference">
          {(data) => {
            const functions = (data.functions ?? []).filter((one) => !asked || fits(asked, one.name, one.form, one.text));
            const tables = (data.tables ?? []).map((table) => ({ ...table, keys: table.keys.filter((one) => !asked || fits(asked, one.key, one.text, table.heading)) })).filter((table) => table.keys.length);
            return (
              <>
                <label class="visually-hidden" for="reference-find">Find in the reference</label>
                <input id="reference-find" type="search" placeholder="Find: days, cooldown, money…" value={text} onInput={(event) => setText(event.currentTarget.value)} />
                <div class="entries" tabIndex={0} role="region" aria-label="Entries of the reference">
                  {functions.length > 0 && <><h3>In conditions</h3><dl>{functions.map((one) => (
                    <div><dt>{onInsert ? <button type="button" class="plain" title="Write it at the cursor" onClick={() => onInsert(`${one.name}(`)}><code>{plain(one.form ?? one.name)}</code></button> : <code>{plain(one.form ?? one.name)}</code>}</dt><dd>{plain(one.text)}</dd></div>
                  ))}</dl></>}
                  {tables.map((table) => <><h3><code>{table.heading}</code></h3><dl>{table.keys.map((one) => <div><dt><code>{one.key}</code></dt><dd>{plain(one.text)}{one.default && <small> Default: {plain(one.default)}</small>}</dd></div>)}</dl></>)}
                  {!functions.length && !tables.length && <Empty>Nothing in the reference fits “{text}”.</Empty>}
                </div>
              </>
            );
          }}
        </Loaded>
      </Card>
    </aside>
  );
}
