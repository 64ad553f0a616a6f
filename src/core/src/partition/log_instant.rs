//! Where the log is: its time and its position.

use crate::time::Timestamp;

/// An instant, and the position in the log at which it was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogInstant {
    /// The instant.
    pub at: Timestamp,
    /// The position.
    pub position: u64,
}
