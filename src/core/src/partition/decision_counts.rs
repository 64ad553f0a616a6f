//! Counts of decisions as they are stored: for each campaign the outcomes that occurred, by name, so that outcomes may be
//! added. Counts that were stored by their place are read too.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::campaigns::Outcome;

/// The counts of one campaign, by the places of [`Outcome::NAMES`].
type OutcomeCounts = [u64; Outcome::NAMES.len()];

/// The outcomes when counts were stored by their place.
const PLACES: [&str; 10] =
    ["condition", "max_per_user", "cooldown", "pending", "deferred", "capped", "control", "holdout", "sent", "stale"];

#[derive(Deserialize)]
#[serde(untagged)]
enum StoredCounts {
    ByName(BTreeMap<String, u64>),
    ByPlace([u64; PLACES.len()]),
}

pub(super) fn serialize<S: Serializer>(counts: &[OutcomeCounts], serializer: S) -> Result<S::Ok, S::Error> {
    let by_name = |counts: &OutcomeCounts| -> BTreeMap<&str, u64> {
        Outcome::NAMES.into_iter().zip(*counts).filter(|(_, count)| *count > 0).collect()
    };
    counts.iter().map(by_name).collect::<Vec<_>>().serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<OutcomeCounts>, D::Error> {
    let stored = Vec::<StoredCounts>::deserialize(deserializer)?;
    Ok(stored.into_iter().map(counts_of).collect())
}

fn counts_of(stored: StoredCounts) -> OutcomeCounts {
    let by_name = match stored {
        StoredCounts::ByName(by_name) => by_name,
        StoredCounts::ByPlace(counts) => PLACES.into_iter().map(str::to_owned).zip(counts).collect(),
    };
    Outcome::NAMES.map(|name| by_name.get(name).copied().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use crate::campaigns::Outcome;
    use crate::partition::PartitionCounters;

    #[test]
    fn counts_are_stored_by_the_names_of_outcomes_and_read_by_their_places_too() {
        let mut counts = [0; Outcome::NAMES.len()];
        counts[Outcome::NoLuck.index()] = 7;
        counts[Outcome::Stale.index()] = 2;
        let counters =
            PartitionCounters { decisions: vec![counts, [0; Outcome::NAMES.len()]], ..PartitionCounters::default() };
        let stored = serde_json::to_value(&counters).expect("counts are JSON");
        assert_eq!(stored["decisions"].to_string(), r#"[{"no_luck":7,"stale":2},{}]"#);
        let read = |stored: &serde_json::Value| serde_json::from_value::<PartitionCounters>(stored.clone());
        assert_eq!(read(&stored).expect("what was written"), counters);
        let mut old = stored;
        old["decisions"] = serde_json::json!([[1, 0, 0, 0, 0, 0, 0, 0, 5, 3]]);
        let read = read(&old).expect("what was written once").decisions;
        let outcome = |outcome: Outcome| read[0][outcome.index()];
        let sent = Outcome::Sent { variant: None, ordinal: 0 };
        assert_eq!((outcome(Outcome::Condition), outcome(sent), outcome(Outcome::Stale)), (1, 5, 3));
    }
}
