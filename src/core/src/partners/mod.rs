//! Partners (semantics §21): which users are shared with whom, and under which subject. Pure.
//!
//! A user is shared with a partner, for a segment, while it is in the segment, consents to all that the partner needs, and
//! has a text by which the partner knows people. What was told of a user is kept with the user as [`PartnerShares`], so that
//! every `enter` has its `exit`: also when the partner, the segment or the text is another, or gone.
//!
//! It decides nothing about consent, and sends nothing.

mod shares;
mod subject;

pub(crate) use shares::ShareUpdate;
pub use shares::{PartnerShare, PartnerShares, ShareChange};
pub use subject::{PartnerKey, PartnerSubject};
