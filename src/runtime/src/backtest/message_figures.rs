//! How many messages people get: the distribution and its percentiles.

use std::collections::BTreeMap;

use super::report::{MessageFigures, MessageRow};

/// The most rows of the distribution of messages; the last one has all who got more.
const DISTRIBUTION_ROWS: u32 = 30;

/// The figures of people by the number of messages that they got.
pub(super) fn message_figures(people_by_messages: &BTreeMap<u32, u64>, over_time: Vec<u64>) -> MessageFigures {
    let people: u64 = people_by_messages.values().sum();
    let messages: u64 = people_by_messages.iter().map(|(messages, people)| u64::from(*messages) * people).sum();
    // The least number of messages that this share of the people got no more than.
    let percentile = |hundredths: u64| {
        let wanted = (u128::from(people) * u128::from(hundredths)).div_ceil(100);
        let mut covered = 0;
        let reached = people_by_messages.iter().find(|(_, people)| {
            covered += u128::from(**people);
            covered >= wanted
        });
        reached.map_or(0, |(messages, _)| *messages)
    };
    let mut distribution: Vec<MessageRow> = Vec::new();
    for (messages, people) in people_by_messages {
        match distribution.last_mut().filter(|last| last.messages >= DISTRIBUTION_ROWS) {
            Some(last) => (last.people, last.or_more) = (last.people + people, true),
            None => distribution.push(MessageRow { messages: *messages, people: *people, or_more: false }),
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "a mean for people to read")]
    let mean = if people == 0 { 0.0 } else { messages as f64 / people as f64 };
    MessageFigures {
        messages,
        people,
        mean: (mean * 1_000.0).round() / 1_000.0,
        median: percentile(50),
        p90: percentile(90),
        p99: percentile(99),
        max: people_by_messages.last_key_value().map_or(0, |(messages, _)| *messages),
        distribution,
        over_time,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_people_who_got_any() {
        let figures = message_figures(&BTreeMap::from([(1, 90), (2, 8), (50, 2)]), Vec::new());
        assert_eq!((figures.people, figures.messages), (100, 206));
        assert_eq!((figures.median, figures.p90, figures.p99, figures.max), (1, 1, 50, 50));
        let more = message_figures(&BTreeMap::from([(1, 90), (30, 1), (31, 2), (700, 3)]), Vec::new());
        let last = MessageRow { messages: 30, people: 6, or_more: true };
        assert_eq!(more.distribution.last(), Some(&last));
        let none = message_figures(&BTreeMap::new(), Vec::new());
        assert_eq!((none.people, none.p99, none.mean.to_bits()), (0, 0, 0.0_f64.to_bits()));
    }
}
