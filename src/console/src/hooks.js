// Data from the API in components.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { get, request } from './api.js';

/** What is at a path; read again every `every` milliseconds while the page is visible. Null: nothing is read. */
export function useData(path, every = 0) {
  const [state, setState] = useState({ data: null, error: null, path: null });
  const again = useRef(() => {});
  useEffect(() => {
    if (!path) return undefined;
    const abort = new AbortController();
    let timer = 0;
    const read = async () => {
      clearTimeout(timer);
      if (!document.hidden || !every) {
        try {
          const data = await get(path, { signal: abort.signal });
          setState({ data, error: null, path });
        } catch (error) {
          // A transient error does not take away what is shown.
          if (error.name !== 'AbortError') setState((old) => ({ data: old.path === path ? old.data : null, error, path }));
        }
      }
      if (every && !abort.signal.aborted) timer = setTimeout(read, every);
    };
    again.current = read;
    read();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [path, every]);
  const isOld = state.path !== path;
  return { data: isOld ? null : state.data, error: isOld ? null : state.error, reload: useCallback(() => again.current(), []) };
}

/** What is answered to a request, which is sent again while the daemon has something to do first. */
export function useAnswer(method, path, body) {
  const asked = JSON.stringify([method, path, body]);
  const [state, setState] = useState({ data: null, error: null, asked: null });
  useEffect(() => {
    const abort = new AbortController();
    let timer = 0;
    const ask = async () => {
      try {
        setState({ data: await request(method, path, body, { signal: abort.signal }), error: null, asked });
      } catch (error) {
        if (error.name === 'AbortError') return;
        setState({ data: null, error, asked });
        if (error.status === 503) timer = setTimeout(ask, 1_000);
      }
    };
    ask();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [asked]);
  return state.asked === asked ? state : { data: null, error: null };
}

/** A value that follows another one after a pause. */
export function useDelayed(value, ms) {
  const [delayed, setDelayed] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setDelayed(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return delayed;
}

/** The part of the address after `#/`, and its query. */
export function useRoute() {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const changed = () => setHash(location.hash);
    addEventListener('hashchange', changed);
    // An effect runs after the first frame: what the address became before it was not heard.
    changed();
    return () => removeEventListener('hashchange', changed);
  }, []);
  const [path, search] = hash.replace(/^#\/?/, '').split('?');
  return { parts: path.split('/').filter(Boolean).map(decodeURIComponent), search: new URLSearchParams(search) };
}

/** A link to a page of the console. */
export const link = (...parts) => `#/${parts.map(encodeURIComponent).join('/')}`;
