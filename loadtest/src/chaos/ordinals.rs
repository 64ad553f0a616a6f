//! Verifies the ordinals of outputs: 1, 2, 3, … in the order of the stream.

use crate::streams::StreamEntry;

/// The header with an output's ordinal.
const ORDINAL: &str = "Rekindle-Ordinal";

/// The result of the verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ordinals {
    /// No output has one.
    Absent,
    /// They begin with 1, and none is missing.
    Contiguous,
    /// The first wrong one, with its place.
    Broken(String),
}

/// Examines the outputs in the order of the stream, without progress records.
pub(super) fn check<'s>(outputs: impl Iterator<Item = &'s StreamEntry>) -> Ordinals {
    let (mut wanted, mut any) = (1_u64, false);
    let mut broken = None;
    for output in outputs {
        let found = output.headers.as_ref().and_then(|headers| headers.get(ORDINAL)).map(|value| value.as_str());
        any |= found.is_some();
        if broken.is_none() && found.and_then(|found| found.parse().ok()) != Some(wanted) {
            let found = found.unwrap_or("none");
            broken =
                Some(format!("message {} ({}): {wanted} expected, {found} found", output.sequence, output.subject));
        }
        wanted += 1;
    }
    match broken {
        Some(broken) if any => Ordinals::Broken(broken),
        Some(_) => Ordinals::Absent,
        None => Ordinals::Contiguous,
    }
}

#[cfg(test)]
mod tests {
    use async_nats::HeaderMap;

    use super::*;

    fn stored(ordinals: &[Option<u64>]) -> Vec<StreamEntry> {
        let stored = ordinals.iter().zip(1_u64..).map(|(ordinal, sequence)| {
            let headers = ordinal.map(|ordinal| {
                let mut headers = HeaderMap::new();
                headers.insert(ORDINAL, ordinal.to_string());
                headers
            });
            StreamEntry { sequence, subject: "s".to_owned(), headers, payload: "{}".into() }
        });
        stored.collect()
    }

    #[test]
    fn numbers_are_contiguous_from_one_on_or_the_first_wrong_one_is_told() {
        let of = |ordinals: &[Option<u64>]| check(stored(ordinals).iter());
        assert_eq!(of(&[Some(1), Some(2), Some(3)]), Ordinals::Contiguous);
        assert_eq!(of(&[None, None]), Ordinals::Absent);
        for (wrong, message) in [
            (vec![Some(1), Some(3)], "message 2 (s): 2 expected, 3 found"),
            (vec![Some(2)], "message 1 (s): 1 expected, 2 found"),
            (vec![Some(1), Some(1)], "message 2 (s): 2 expected, 1 found"),
            (vec![Some(1), None], "message 2 (s): 2 expected, none found"),
        ] {
            assert_eq!(of(&wrong), Ordinals::Broken(message.to_owned()));
        }
    }
}
