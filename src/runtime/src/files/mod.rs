//! Files and standard streams: events are read from them, and journals written to them.

mod document;
mod item;
mod line_reader;
pub mod sink;
pub mod source;
