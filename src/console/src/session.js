// Who is signed in.
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';

export const Session = createContext({ role: 'reader', sign_in: false });

/** Whether this role may change something. The daemon decides; the console only leaves out what it would refuse. */
export const useMayChange = () => useContext(Session).role === 'operator';
