//! `[log]`: what is said on standard error, and how.

/// `[log]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// How a line is written.
    pub format: LogFormat,
    /// From which level on, in general and by room: `info`, or `info,rekindle::source=debug`.
    pub level: String,
}

/// How a line of the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people where standard error is a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Human,
    /// One JSON object per line.
    Json,
}

impl Default for Log {
    fn default() -> Self {
        Log { format: LogFormat::Auto, level: "info".to_owned() }
    }
}
