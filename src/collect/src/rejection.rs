//! Why one call is not taken, while the others of its request are.

use rekindle_core::decode::RejectionReason;
use rekindle_core::event::CallType;
use thiserror::Error;

/// Why a call is not taken. It goes to the dead letters.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum CallRejection {
    /// The engine would reject it.
    #[error("{0}")]
    Decoding(RejectionReason),
    /// Larger than a call may be.
    #[error("the call has {bytes} bytes; a call may have {limit} (`max_call_bytes`)")]
    TooLarge {
        /// Its length in bytes.
        bytes: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The key may not send such calls.
    #[error("this write key may not send {} calls", call.name())]
    CallNotAllowed {
        /// The type of the call.
        call: CallType,
    },
    /// A client's key may not send rows of tables.
    #[error("this write key may not send {event:?}, which is a row of a table (`row_events`): only a server's may")]
    RowNotAllowed {
        /// The event.
        event: String,
    },
    /// A client's key may not say who the user is, and nothing else says whose the call is.
    #[error("this write key may not say who the user is (`identify` in its settings), and there is no `anonymousId`")]
    IdentifyNotAllowed,
    /// Older than a client's calls may be.
    #[error("the call is {age_seconds} s old; this write key may send calls of at most {limit_seconds} s (`history`)")]
    TooOld {
        /// How old it is, in seconds.
        age_seconds: i64,
        /// How old it may be, in seconds.
        limit_seconds: i64,
    },
}

/// The reasons that only collecting has.
const OWN_CODES: [&str; 4] = ["call_not_allowed", "identify_not_allowed", "too_old", "row_not_allowed"];

impl CallRejection {
    /// Every code, for metrics.
    pub fn codes() -> impl Iterator<Item = &'static str> {
        RejectionReason::CODES.into_iter().chain(OWN_CODES)
    }

    /// Its index in [`codes`](CallRejection::codes).
    pub fn index(&self) -> usize {
        let own = RejectionReason::CODES.len();
        match self {
            CallRejection::Decoding(reason) => reason.index(),
            CallRejection::TooLarge { .. } => {
                RejectionReason::CODES.iter().position(|code| *code == "too_large").unwrap_or_default()
            }
            CallRejection::CallNotAllowed { .. } => own,
            CallRejection::IdentifyNotAllowed => own + 1,
            CallRejection::TooOld { .. } => own + 2,
            CallRejection::RowNotAllowed { .. } => own + 3,
        }
    }

    /// The reason as one word: `reason` in answers, dead letters and metrics.
    pub fn code(&self) -> &'static str {
        CallRejection::codes().nth(self.index()).unwrap_or_default()
    }

    /// Whether it is for its size.
    pub fn is_too_large(&self) -> bool {
        self.code() == "too_large"
    }
}

impl From<RejectionReason> for CallRejection {
    fn from(reason: RejectionReason) -> CallRejection {
        CallRejection::Decoding(reason)
    }
}
