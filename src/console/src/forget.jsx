// Forgetting a person, which cannot be taken back: the id must be typed.
import { useState } from 'preact/hooks';
import { path, request } from './api.js';
import { Action, Dialog } from './ui.jsx';

export function ForgetPerson({ user, onClose }) {
  const [typed, setTyped] = useState('');
  const [position, setPosition] = useState(null);
  const forget = async () => setPosition(await request('DELETE', path`/v1/users/${user}`));
  if (position) {
    return (
      <Dialog title="Forgotten" onClose={() => { location.hash = '#/people'; }}>
        <p>The request to forget <strong>{user}</strong> is in the log, and takes effect everywhere the log is read. Events that your shop still sends of this id make a new person.</p>
        <p class="buttons"><button type="button" class="primary" onClick={() => { location.hash = '#/people'; }}>Back to People</button></p>
      </Dialog>
    );
  }
  return (
    <Dialog title={`Forget ${user}?`} onClose={onClose}>
      <p>Everything stored about this person is deleted: profile, segments, points, coupons. This cannot be undone. Export first if you may have to answer a request for access.</p>
      <label for="typed">Type <strong>{user}</strong> to confirm</label>
      <input id="typed" autocomplete="off" value={typed} onInput={(event) => setTyped(event.currentTarget.value)} />
      <p class="buttons">
        <button type="button" onClick={onClose}>Keep</button>
        <Action run={forget} kind="danger" busy="Forgetting…" disabled={typed !== user}>Forget for good</Action>
      </p>
    </Dialog>
  );
}
