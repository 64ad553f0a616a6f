//! What a run found: transitions by segment and direction, which must be the same of all.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::table::grouped;

/// The events that a run applied, and what came of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OutputCounts {
    pub(super) events: u64,
    pub(super) transitions: BTreeMap<String, ChangeCounts>,
}

/// The transitions of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ChangeCounts {
    enter: u64,
    exit: u64,
}

/// The summary of `rekindle replay`, in part.
#[derive(Debug, Deserialize)]
struct ReplaySummary {
    events: u64,
    segments: BTreeMap<String, ChangeCounts>,
    rejected: u64,
    late: u64,
    duplicates: u64,
    merged: u64,
}

impl OutputCounts {
    /// What a job printed.
    pub(super) fn of_job(printed: &str) -> Result<OutputCounts, Error> {
        parse("a job printed", printed)
    }

    /// The summary of a replay; and, if there was something in the events that the jobs know nothing of, what.
    pub(super) fn of_replay(summary: &str) -> Result<(OutputCounts, Option<String>), Error> {
        let ReplaySummary { events, segments, rejected, late, duplicates, merged } =
            parse("a replay's summary is", summary)?;
        let unknown = (rejected + late + duplicates + merged > 0).then(|| {
            format!(
                "Rekindle rejected {rejected} calls, and found {late} late events, {duplicates} duplicates and {merged} merged \
                 users; the jobs know nothing of these"
            )
        });
        Ok((OutputCounts { events, transitions: segments }, unknown))
    }

    /// How many transitions there were.
    pub(super) fn total(&self) -> u64 {
        self.transitions.values().map(|changes| changes.enter + changes.exit).sum()
    }

    /// Where these counts are others than the ones that are expected.
    pub(super) fn differences(&self, expected: &OutputCounts) -> Vec<String> {
        let mut found = Vec::new();
        let mut compare = |what: &str, here: u64, there: u64| {
            if here != there {
                found.push(format!("{what}: {}, not {}", grouped(here), grouped(there)));
            }
        };
        compare("events", self.events, expected.events);
        let segments: BTreeSet<&String> = self.transitions.keys().chain(expected.transitions.keys()).collect();
        for segment in segments {
            let of = |counts: &OutputCounts| counts.transitions.get(segment).copied().unwrap_or_default();
            compare(&format!("{segment} enter"), of(self).enter, of(expected).enter);
            compare(&format!("{segment} exit"), of(self).exit, of(expected).exit);
        }
        found
    }
}

fn parse<'a, T: Deserialize<'a>>(what: &str, text: &'a str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| Error::Unreadable(format!("{what} {text:?}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: &str = r#"{"events":9,"transitions":{"dormant":{"enter":3,"exit":1},"hot":{"enter":2,"exit":2}}}"#;

    fn summary(late: u64, hot: u64) -> String {
        format!(
            r#"{{"events":9,"rejected":0,"late":{late},"duplicates":0,"merged":0,"users":4,
                "segments":{{"dormant":{{"enter":3,"exit":1,"users":2}},"hot":{{"enter":{hot},"exit":2,"users":0}}}}}}"#
        )
    }

    #[test]
    fn the_same_counts_differ_in_nothing() {
        let job = OutputCounts::of_job(JOB).expect("counts");
        let (replay, unknown) = OutputCounts::of_replay(&summary(0, 2)).expect("a summary");
        assert_eq!((job.differences(&replay), unknown, job.total()), (Vec::new(), None, 8));
    }

    #[test]
    fn a_difference_has_its_segment_and_direction_and_what_the_jobs_lack_is_reported() {
        let job = OutputCounts::of_job(JOB).expect("counts");
        let (replay, unknown) = OutputCounts::of_replay(&summary(1, 1_002)).expect("a summary");
        assert_eq!(job.differences(&replay), ["hot enter: 2, not 1,002"]);
        assert!(unknown.is_some_and(|unknown| unknown.contains("1 late events")));
        let nothing = OutputCounts::default();
        assert_eq!(nothing.differences(&job).len(), 5, "events, and four kinds of transitions");
    }
}
