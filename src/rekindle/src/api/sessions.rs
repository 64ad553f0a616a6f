//! Sessions of people who signed in with a token: who has which, and until when.
//!
//! They are in memory only: after a restart people sign in again. A session is known by a random number of 256 bits, which only
//! its browser has; here is its SHA-256, so that neither the time of a lookup nor the memory gives it away.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

use super::roles::ApiRole;

/// How long a session may be used.
pub(super) const SESSION_TIME_MAX: Duration = Duration::from_secs(12 * 60 * 60);

/// After how long without a request it ends.
const IDLE_TIME_MAX: Duration = Duration::from_secs(60 * 60);

/// The most sessions at a time; the one that was idle for longest makes room.
const SESSIONS_MAX: usize = 1_000;

/// The bytes of a session's number.
const ID_BYTES: usize = 32;

/// Sessions of people who signed in.
#[derive(Debug)]
pub(super) struct SignInSessions {
    random: SystemRandom,
    by_hash: Mutex<HashMap<[u8; 32], SignInSession>>,
}

/// Somebody who signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SignInSession {
    pub(super) role: ApiRole,
    /// Some letters that tell it from others, for people. They don't open it.
    pub(super) name: String,
    began: Instant,
    used: Instant,
}

impl SignInSession {
    /// Who it is, in records of changes.
    pub(super) fn title(&self) -> String {
        format!("session {}", self.name)
    }

    fn is_over(&self, now: Instant) -> bool {
        now.duration_since(self.began) >= SESSION_TIME_MAX || now.duration_since(self.used) >= IDLE_TIME_MAX
    }
}

impl Default for SignInSessions {
    fn default() -> Self {
        SignInSessions { random: SystemRandom::new(), by_hash: Mutex::default() }
    }
}

impl SignInSessions {
    /// Begins a session; returns what opens it, for the cookie. `None`: the system has no random numbers.
    pub(super) fn begin(&self, role: ApiRole, now: Instant) -> Option<String> {
        let mut id = [0; ID_BYTES];
        self.random.fill(&mut id).ok()?;
        let id = URL_SAFE_NO_PAD.encode(id);
        let hash = hash(&id);
        let mut sessions = self.sessions();
        sessions.retain(|_, session| !session.is_over(now));
        if sessions.len() >= SESSIONS_MAX
            && let Some(idle) = sessions.iter().min_by_key(|(_, session)| session.used).map(|(hash, _)| *hash)
        {
            sessions.remove(&idle);
        }
        sessions.insert(hash, SignInSession { role, name: name(&hash), began: now, used: now });
        Some(id)
    }

    /// The session that this opens, which counts as used by that.
    pub(super) fn of(&self, id: &str, now: Instant) -> Option<SignInSession> {
        let hash = hash(id);
        let mut sessions = self.sessions();
        let session = sessions.get_mut(&hash)?;
        if session.is_over(now) {
            sessions.remove(&hash);
            return None;
        }
        session.used = now;
        Some(session.clone())
    }

    /// Ends a session; false: there was none.
    pub(super) fn end(&self, id: &str) -> bool {
        self.sessions().remove(&hash(id)).is_some()
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<[u8; 32], SignInSession>> {
        self.by_hash.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hash(id: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, id.as_bytes()).as_ref());
    hash
}

fn name(hash: &[u8; 32]) -> String {
    hash[..4].iter().fold(String::new(), |mut name, byte| {
        let _ = write!(name, "{byte:02x}");
        name
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_when_it_is_idle_and_after_half_a_day() {
        let (sessions, start) = (SignInSessions::default(), Instant::now());
        let [idle, busy] = [(); 2].map(|()| sessions.begin(ApiRole::Reader, start).expect("random numbers"));
        let almost = IDLE_TIME_MAX - Duration::from_millis(1);
        assert_eq!(sessions.of(&idle, start + almost).map(|session| session.role), Some(ApiRole::Reader));
        assert_eq!(sessions.of(&idle, start + almost + IDLE_TIME_MAX), None);
        let mut now = start;
        while now + almost < start + SESSION_TIME_MAX {
            now += almost;
            assert!(sessions.of(&busy, now).is_some(), "{:?}", now - start);
        }
        assert_eq!(sessions.of(&busy, start + SESSION_TIME_MAX), None);
        assert!(sessions.sessions().is_empty(), "what is over is not kept");
    }

    #[test]
    fn only_what_was_given_out_opens_a_session_and_not_after_its_end() {
        let (sessions, now) = (SignInSessions::default(), Instant::now());
        let id = sessions.begin(ApiRole::Operator, now).expect("random numbers");
        let name = sessions.of(&id, now).expect("a session").name;
        assert!(!id.contains(&name));
        for wrong in ["", &name, &id[1..], &format!("{id}="), &id.to_lowercase()] {
            assert_eq!(sessions.of(wrong, now), None, "{wrong}");
        }
        sessions.end("another");
        assert!(sessions.of(&id, now).is_some());
        sessions.end(&id);
        assert_eq!(sessions.of(&id, now), None);
    }

    #[test]
    fn there_are_so_many_sessions_at_most_and_the_idlest_makes_room() {
        let (sessions, start) = (SignInSessions::default(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        let begin = |ms| sessions.begin(ApiRole::Reader, at(ms)).expect("random numbers");
        let (first, second) = (begin(0), begin(1));
        (2..SESSIONS_MAX as u64).for_each(|ms| drop(begin(ms)));
        let later = at(SESSIONS_MAX as u64);
        assert!(sessions.of(&first, later).is_some());
        begin(SESSIONS_MAX as u64);
        assert_eq!(sessions.sessions().len(), SESSIONS_MAX);
        assert!(sessions.of(&first, later).is_some() && sessions.of(&second, later).is_none());
    }
}
