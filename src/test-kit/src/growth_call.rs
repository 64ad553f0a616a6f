//! Events of the rules in `tests/engine/growth_rules.toml`, and their lines in a log.

use std::fmt::Write as _;

use rekindle_core::time::Timestamp;

/// An event as it was written.
#[derive(Clone, Debug)]
pub struct GrowthCall {
    /// Its time, in milliseconds since 1970.
    pub ms: i64,
    /// `userId`.
    pub user: Option<String>,
    /// `anonymousId`.
    pub visitor: Option<String>,
    /// `identify`, `page`, or the name of a track call.
    pub name: &'static str,
    /// `context.campaign.source`.
    pub source: Option<&'static str>,
    /// The total of a track call, in millionths.
    pub value: i64,
    /// Whether a track call has a coupon.
    pub coupon: bool,
    /// The number in its `messageId`.
    pub message: u32,
}

impl GrowthCall {
    /// Its line of the log, with the line end.
    pub fn line(&self) -> String {
        let mut line = match self.name {
            "identify" => r#"{"type":"identify","traits":{}"#.to_owned(),
            "page" => r#"{"type":"page""#.to_owned(),
            name => format!(
                r#"{{"type":"track","event":"{name}","properties":{{"total":{},"discount":1{}}}"#,
                self.value as f64 / 1e6,
                if self.coupon { r#","coupon":"TEN""# } else { "" }
            ),
        };
        // Writing to a string cannot fail.
        for (key, id) in [("userId", &self.user), ("anonymousId", &self.visitor)] {
            if let Some(id) = id {
                let _ = write!(line, r#","{key}":"{id}""#);
            }
        }
        if let Some(source) = self.source {
            let _ = write!(line, r#","context":{{"campaign":{{"source":"{source}"}}}}"#);
        }
        let (message, at) = (self.message, Timestamp(self.ms));
        let _ = writeln!(line, r#","messageId":"m{message}","timestamp":"{at}"}}"#);
        line
    }
}
