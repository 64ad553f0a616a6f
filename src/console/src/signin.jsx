// The sign-in page.
import { useState } from 'preact/hooks';
import { request } from './api.js';
import { ErrorBox } from './ui.jsx';

export function SignIn({ onSignedIn }) {
  const [token, setToken] = useState('');
  const [error, setError] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      const session = await request('POST', '/v1/session', { token: token.trim() });
      onSignedIn({ sign_in: true, ...session });
    } catch (problem) {
      setError(problem);
    } finally {
      setBusy(false);
    }
  };
  return (
    <main class="alone">
      <form class="card" onSubmit={submit}>
        <h1><img src="/icon.svg" alt="" width="28" height="28" /> Rekindle</h1>
        <label for="token">Token</label>
        <input id="token" type="password" autocomplete="current-password" required value={token} onInput={(event) => setToken(event.currentTarget.value)} />
        <p class="hint">It is in the file that <code>[http] token_file</code> of the settings names (or <code>read_token_file</code>, to look without changing anything). Whoever runs this daemon can give it to you.</p>
        {error && (error.status === 401 ? <div class="error" role="alert">This is not the token. Copy it again, without blanks or line ends.</div> : <ErrorBox error={error} />)}
        <button type="submit" class="primary" disabled={isBusy || !token.trim()}>{isBusy ? 'Signing in…' : 'Sign in'}</button>
      </form>
    </main>
  );
}
