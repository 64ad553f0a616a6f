//! Files and standard streams: events read from them, journals written to them.

mod document;
pub mod sink;
pub mod source;
