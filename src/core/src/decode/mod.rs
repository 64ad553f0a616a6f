//! Bytes to [`Event`]s: a line of JSON in, the calls it holds out, each decoded or rejected with a reason.
//!
//! The whole text of a call is checked for being JSON, by the rules of serde_json (nesting at most 127 deep, the last of equal
//! keys counts), whatever the rules file reads of it: whether an event is accepted never depends on the rules. What browsers
//! and scripts write that is almost JSON is read as `repair` describes. Of a valid event only what the plan's
//! [`Projection`](crate::rules::ruleset::Projection) names is kept.
//!
//! A batch envelope, or an array of calls, is as many calls, each accepted or rejected for itself: one that is not JSON does
//! not affect the others as long as its brackets and quotes match (`split`).
//!
//! Nothing here knows the broker's time, `--until` or the user; those checks come later.
//!
//! [`Decoder`] (`decoder`) reads a text into a `CallDraft` (`draft`): a usual call by one pass over its bytes (`scan`), any other
//! with the visitors of `envelope`, `projected`, `scalar` and `ignored`; `batch` reads the calls of a batch.

mod batch;
mod decoder;
mod draft;
mod envelope;
mod fields;
mod forget;
mod ids;
mod ignored;
mod items;
mod paths;
mod projected;
mod rejection;
mod repair;
mod scalar;
mod scan;
pub mod split;
mod times;

use crate::event::Event;
pub use decoder::{Decoder, Framing};
pub use draft::MAX_MESSAGE_ID_BYTES;
pub use ids::{MAX_ID_BYTES, PlaceholderIds};
pub use rejection::{RejectedCall, RejectionReason};
pub use repair::repaired;

/// A call: decoded, or rejected.
pub type Decoded<'a> = Result<Event<'a>, RejectedCall<'a>>;

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
