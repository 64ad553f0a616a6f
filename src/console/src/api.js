// Requests to the daemon's API. Errors are its problem documents, which say what was wrong and what to do.

/** What the API answered instead of what was asked for. */
export class Problem extends Error {
  constructor(status, body) {
    super(body?.detail || `the daemon answered ${status}`);
    this.status = status;
    this.body = body ?? {};
  }

  /** The endpoint is not there, as opposed to what it was asked for. */
  get isNoEndpoint() {
    return this.status === 405 || (this.status === 404 && /nothing at this path/.test(this.message));
  }
}

let signedOut = () => {};

/** Calls this whenever the daemon asks for a token. */
export function whenSignedOut(callback) {
  signedOut = callback;
}

/** One request; its JSON. */
export async function request(method, path, body, { signal } = {}) {
  let answer;
  try {
    const headers = body === undefined ? {} : { 'Content-Type': 'application/json' };
    answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), credentials: 'same-origin', signal });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Problem(0, { detail: 'The daemon does not answer. Is it running, and can this machine reach it? The console tries again by itself.' });
  }
  const text = await answer.text();
  const json = text && /json/.test(answer.headers.get('Content-Type') ?? '') ? JSON.parse(text) : text;
  if (answer.ok) return json;
  if (answer.status === 401 && path !== '/v1/session') signedOut();
  throw new Problem(answer.status, typeof json === 'object' ? json : { detail: text });
}

export const get = (path, options) => request('GET', path, undefined, options);

/** A path whose parts in `${}` are percent-encoded; parts that are URLSearchParams are the query. */
export function path(strings, ...parts) {
  const encoded = parts.map((part) => (part instanceof URLSearchParams ? part.toString() : encodeURIComponent(part)));
  return strings.reduce((all, string, index) => all + encoded[index - 1] + string);
}

/** Query parameters without those that are null or empty. */
export function query(fields) {
  return new URLSearchParams(Object.entries(fields).filter(([, value]) => value != null && value !== ''));
}
