//! The shape of the settings file as JSON Schema, for editors.
//!
//! It is derived from the sections themselves, with their descriptions and defaults; tests hold its keys, ranges and
//! choices to what the reader takes. What sections must agree on, and what durations may be, only the reader knows.

use serde_json::Value;

use super::Settings;
use rekindle_core::rules::schema::schema_of;

/// The JSON Schema of settings files.
pub fn schema() -> Value {
    schema_of::<Settings>()
}
