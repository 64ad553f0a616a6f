//! The state of the connection: counters for metrics, and what the server did not permit.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

/// The number of denials that are retained.
const DENIALS_RETAINED: usize = 64;

/// Whether there is a connection, and its number: a new one has a higher number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionState {
    /// There is one now.
    pub is_up: bool,
    /// The number of connections so far.
    pub number: u64,
}

/// Something the server did not permit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermissionDenial {
    /// `publish` or `subscribe`.
    pub operation: &'static str,
    /// The subject.
    pub subject: String,
}

/// Counters and state of the connection since the start.
#[derive(Debug, Default)]
pub struct ConnectionStatus {
    link: watch::Sender<ConnectionState>,
    disconnects: AtomicU64,
    slow_consumers: AtomicU64,
    server_errors: AtomicU64,
    denials: watch::Sender<PermissionDenials>,
}

#[derive(Debug, Default)]
struct PermissionDenials {
    total: u64,
    last: VecDeque<PermissionDenial>,
}

impl ConnectionStatus {
    /// The state of the connection, to read or to wait for.
    pub fn link(&self) -> watch::Receiver<ConnectionState> {
        self.link.subscribe()
    }

    /// Whether there is a connection now.
    pub fn is_up(&self) -> bool {
        self.link.borrow().is_up
    }

    /// Waits until there is a connection; returns its number.
    pub async fn up(&self) -> u64 {
        let mut link = self.link.subscribe();
        // It can't fail: the sender is ours.
        link.wait_for(|link| link.is_up).await.map_or(0, |link| link.number)
    }

    /// Waits until the connection of this number is lost.
    pub async fn lost(&self, number: u64) {
        let _ = self.link.subscribe().wait_for(|link| !link.is_up || link.number != number).await;
    }

    /// Connections lost.
    pub fn disconnects(&self) -> u64 {
        self.disconnects.load(Ordering::Relaxed)
    }

    /// Connections made after the first.
    pub fn reconnects(&self) -> u64 {
        self.link.borrow().number.saturating_sub(1)
    }

    /// Messages dropped because a subscription was full; at least that many.
    pub fn slow_consumers(&self) -> u64 {
        self.slow_consumers.load(Ordering::Relaxed)
    }

    /// Errors that the server reported, among them all permission denials.
    pub fn server_errors(&self) -> u64 {
        self.server_errors.load(Ordering::Relaxed)
    }

    /// The number of permission denials.
    pub fn denials(&self) -> u64 {
        self.denials.borrow().total
    }

    /// The latest denial after the first `since` denials that fulfils `concerns`.
    pub fn denial_since(&self, since: u64, concerns: impl Fn(&PermissionDenial) -> bool) -> Option<PermissionDenial> {
        self.denials.borrow().since(since, concerns)
    }

    /// Waits for a denial that fulfils `concerns`, after the first `since` denials.
    pub async fn denied(&self, since: u64, concerns: impl Fn(&PermissionDenial) -> bool) -> PermissionDenial {
        let mut denials = self.denials.subscribe();
        loop {
            if let Some(denial) = denials.borrow_and_update().since(since, &concerns) {
                return denial;
            }
            if denials.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    pub(super) fn connected(&self) {
        self.link.send_modify(|link| *link = ConnectionState { is_up: true, number: link.number + 1 });
    }

    pub(super) fn disconnected(&self) {
        self.disconnects.fetch_add(1, Ordering::Relaxed);
        self.link.send_modify(|link| link.is_up = false);
    }

    pub(super) fn dropped(&self) {
        self.slow_consumers.fetch_add(1, Ordering::Relaxed);
    }

    /// Records an error of the server. Returns the permission denial that it is, if that is new.
    pub(super) fn server_error(&self, text: &str) -> Option<PermissionDenial> {
        self.server_errors.fetch_add(1, Ordering::Relaxed);
        let denial = PermissionDenial::parse(text)?;
        let mut is_new = false;
        self.denials.send_modify(|denials| is_new = denials.add(&denial));
        is_new.then_some(denial)
    }
}

impl PermissionDenials {
    fn add(&mut self, denial: &PermissionDenial) -> bool {
        let is_new = !self.last.contains(denial);
        self.total += 1;
        if self.last.len() == DENIALS_RETAINED {
            self.last.pop_front();
        }
        self.last.push_back(denial.clone());
        is_new
    }

    fn since(&self, since: u64, concerns: impl Fn(&PermissionDenial) -> bool) -> Option<PermissionDenial> {
        let count = usize::try_from(self.total.saturating_sub(since)).unwrap_or(usize::MAX);
        self.last.iter().rev().take(count).find(|denial| concerns(denial)).cloned()
    }
}

impl PermissionDenial {
    /// Reads `Permissions Violation for Publish to "a.b"` and `… for Subscription to "a.b" using queue "q"`.
    fn parse(text: &str) -> Option<PermissionDenial> {
        let at = text.to_lowercase().find("permissions violation for ")?;
        let (operation, rest) = text.get(at + "permissions violation for ".len()..)?.split_once(' ')?;
        let operation = if operation.eq_ignore_ascii_case("publish") { "publish" } else { "subscribe" };
        let subject = rest.split('"').nth(1)?.to_owned();
        Some(PermissionDenial { operation, subject })
    }

    /// Whether it prevents a request to this subject, or the response.
    pub(crate) fn concerns_request(&self, subject: &str) -> bool {
        self.subject == subject || (self.operation == "subscribe" && self.subject.starts_with(super::INBOX_PREFIX))
    }
}

impl std::fmt::Display for PermissionDenial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let PermissionDenial { operation, subject } = self;
        write!(f, "the server does not permit this user to {operation} to {subject}: grant it")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_violation_is_parsed_and_reported_once() {
        let status = ConnectionStatus::default();
        let text = "Permissions Violation for Publish to \"$JS.API.STREAM.INFO.EVENTS\"";
        let denial = status.server_error(text).expect("news");
        assert_eq!(denial, PermissionDenial { operation: "publish", subject: "$JS.API.STREAM.INFO.EVENTS".to_owned() });
        assert_eq!(status.server_error(text), None);
        assert_eq!((status.denials(), status.server_errors()), (2, 2));
        let text = "Permissions Violation for Subscription to \"orders.>\" using queue \"q\"";
        assert_eq!(status.server_error(text).map(|denial| denial.operation), Some("subscribe"));
        assert_eq!(status.server_error("Stale Connection"), None);
    }

    #[test]
    fn only_denials_since_then_count() {
        let status = ConnectionStatus::default();
        let concerns = |denial: &PermissionDenial| denial.concerns_request("a");
        status.server_error("Permissions Violation for Publish to \"a\"");
        status.server_error("Permissions Violation for Publish to \"b\"");
        assert!(status.denial_since(0, concerns).is_some());
        assert_eq!(status.denial_since(1, concerns), None);
        status.server_error("Permissions Violation for Subscription to \"_INBOX.rekindle.x.*\"");
        assert!(status.denial_since(2, concerns).is_some(), "without its inbox no request is answered");
    }

    #[tokio::test]
    async fn a_denial_can_be_waited_for() {
        let status = ConnectionStatus::default();
        let denied = status.denied(0, |denial| denial.subject == "a");
        let report = async {
            status.server_error("Permissions Violation for Publish to \"b\"");
            tokio::task::yield_now().await;
            status.server_error("Permissions Violation for Publish to \"a\"");
        };
        let (denial, ()) = tokio::join!(denied, report);
        assert_eq!(denial.subject, "a");
    }
}
