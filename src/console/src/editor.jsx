// The editor as a component. Its script is fetched when it is first shown.
import { useEffect, useRef, useState } from 'preact/hooks';

/** `text` is taken over when it opens, and whenever `revision` changes: what is typed comes back as `text` later than the next key. */
export function Editor({ handle, text, revision, check, words, onChange, readOnly }) {
  const box = useRef(null);
  const latest = useRef({});
  latest.current = { words, onChange, check };
  const [error, setError] = useState(null);
  useEffect(() => {
    let isGone = false;
    import('/editor.js').then(({ openEditor }) => {
      if (isGone) return;
      handle.current = openEditor({
        parent: box.current, text, label: 'Rules, as text', readOnly,
        check: (now) => latest.current.check(now), words: () => latest.current.words, changed: (now) => latest.current.onChange(now),
      });
    }).catch(setError);
    return () => { isGone = true; handle.current?.close(); handle.current = null; };
  }, []);
  useEffect(() => handle.current?.replace(text), [revision]);
  return (
    <>
      {error && <p class="error" role="alert">The editor could not be loaded. Reload the page.</p>}
      <div class="editor" ref={box} />
    </>
  );
}
