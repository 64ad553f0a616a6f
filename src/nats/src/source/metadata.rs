//! The metadata of a message that JetStream delivers. It is in the reply subject:
//!
//! ```text
//! $JS.ACK.<stream>.<consumer>.<delivered>.<stream sequence>.<consumer sequence>.<time, ns>.<pending>
//! $JS.ACK.<domain>.<account>.<stream>.<consumer>.<delivered>.…the same….<pending>[.<more>]
//! ```
//!
//! (nats-architecture-and-design, ADR-15.)

use rekindle_core::time::Timestamp;

/// What the source uses of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MessageMetadata {
    /// The message's sequence in the stream.
    pub(super) stream_sequence: u64,
    /// Its sequence among the messages delivered by this consumer, from 1.
    pub(super) consumer_sequence: u64,
    /// When the broker received it.
    pub(super) received: Timestamp,
    /// The number of messages that this consumer has yet to deliver.
    pub(super) pending: u64,
}

impl MessageMetadata {
    /// Parses a reply subject; `None` for any other subject.
    pub(super) fn parse(reply: &str) -> Option<MessageMetadata> {
        let rest = reply.strip_prefix("$JS.ACK.")?;
        let mut tokens = [""; 9];
        let mut count = 0;
        for token in rest.split('.').take(tokens.len()) {
            tokens[count] = token;
            count += 1;
        }
        let first = match count {
            7 => 3,
            9 => 5,
            _ => return None,
        };
        let received_ns: i64 = tokens[first + 2].parse().ok()?;
        Some(MessageMetadata {
            stream_sequence: tokens[first].parse().ok()?,
            consumer_sequence: tokens[first + 1].parse().ok()?,
            received: Timestamp(received_ns.div_euclid(1_000_000)),
            pending: tokens[first + 3].parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_parsed() {
        let expected = MessageMetadata {
            stream_sequence: 42,
            consumer_sequence: 7,
            received: Timestamp(1_772_532_000_123),
            pending: 9,
        };
        for reply in [
            "$JS.ACK.EVENTS.c1.1.42.7.1772532000123456789.9",
            "$JS.ACK.hub.Xz1.EVENTS.c1.1.42.7.1772532000123456789.9",
            "$JS.ACK._.Xz1.EVENTS.c1.1.42.7.1772532000123456789.9.token.more",
        ] {
            assert_eq!(MessageMetadata::parse(reply), Some(expected), "{reply}");
        }
    }

    #[test]
    fn anything_else_is_none() {
        for reply in
            ["", "_INBOX.x", "$JS.ACK.", "$JS.ACK.E.c.1.2.3.4", "$JS.ACK.E.c.1.x.3.4.5", "$JS.ACK.a.E.c.1.2.3.4.5"]
        {
            assert_eq!(MessageMetadata::parse(reply), None, "{reply}");
        }
    }
}
