//! Why a committer ends.

use thiserror::Error;

/// Why no more can be committed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CommitterClosed {
    /// Another daemon continues from here.
    #[error(
        "another daemon has taken over stream {stream} (instance {instance}, epoch {epoch}; this one had epoch {own_epoch}): \
         it continues where this one stops, and nothing is sent twice. Two daemons must not share [output] stream and prefix: \
         see that only one is started"
    )]
    TakenOver {
        /// The stream.
        stream: String,
        /// The instance of the other daemon.
        instance: String,
        /// Its epoch.
        epoch: u64,
        /// The epoch of this one.
        own_epoch: u64,
    },
    /// The broker has lost what it had acknowledged.
    #[error(
        "stream {stream} ends with message {found}, though the server had acknowledged message {last}: the broker has lost \
         outputs. Start again: what was lost is computed again, from a checkpoint before it"
    )]
    Lost {
        /// The stream.
        stream: String,
        /// Its last message.
        found: u64,
        /// What had been acknowledged.
        last: u64,
    },
}
