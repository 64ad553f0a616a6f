//! Compares what was published with what was expected: duplicates, losses, and order.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::replay::OutputsByUser;

/// The number of differences that are reported in full.
const TOLD: usize = 100;

/// How two logs of outputs differ.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Differences {
    /// Outputs that were published more often than expected.
    pub(super) duplicates: u64,
    /// Outputs that were expected and are missing.
    pub(super) lost: u64,
    /// Outputs that were not expected at all.
    pub(super) foreign: u64,
    /// Pairs of outputs of one user in the wrong order.
    pub(super) out_of_order: u64,
    /// The first differences, one per line.
    pub(super) told: String,
    count: usize,
}

type PublishedOutput = (String, String);

/// Compares per user, in order.
pub(super) fn compare(expected: &OutputsByUser, found: &OutputsByUser) -> Differences {
    let mut differences = Differences::default();
    let only_found = found.keys().filter(|user| !expected.contains_key(*user));
    for user in expected.keys().chain(only_found) {
        let expected = expected.get(user).map_or(&[][..], Vec::as_slice);
        let found = found.get(user).map_or(&[][..], Vec::as_slice);
        if expected != found {
            differences.add(user, expected, found);
        }
    }
    differences
}

impl Differences {
    fn add(&mut self, user: &str, expected: &[PublishedOutput], found: &[PublishedOutput]) {
        // Where each output is expected; those of equal text are distinguished by how many came before.
        let mut places: HashMap<&PublishedOutput, Vec<usize>> = HashMap::new();
        for (place, output) in expected.iter().enumerate() {
            places.entry(output).or_default().push(place);
        }
        let (mut seen, mut last): (HashMap<&PublishedOutput, usize>, Option<usize>) = (HashMap::new(), None);
        for output in found {
            let Some(places) = places.get(output) else {
                self.foreign += 1;
                self.tell("foreign", user, output);
                continue;
            };
            let times = seen.entry(output).or_default();
            match places.get(*times) {
                Some(&place) => {
                    if last.is_some_and(|last| place < last) {
                        self.out_of_order += 1;
                        self.tell("out of order", user, output);
                    }
                    last = Some(place);
                }
                None => {
                    self.duplicates += 1;
                    self.tell("duplicate", user, output);
                }
            }
            *times += 1;
        }
        for (output, places) in &places {
            let missing = places.len().saturating_sub(seen.get(output).copied().unwrap_or(0));
            self.lost += missing as u64;
            if missing > 0 {
                self.tell("lost", user, output);
            }
        }
    }

    fn tell(&mut self, what: &str, user: &str, (subject, payload): &PublishedOutput) {
        if self.count < TOLD {
            self.count += 1;
            writeln!(self.told, "{what}: {user}: {subject} {payload}").expect("writing to a string cannot fail");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(user: &str, texts: &[&str]) -> OutputsByUser {
        let outputs = texts.iter().map(|text| ("s".to_owned(), (*text).to_owned()));
        OutputsByUser::from([(user.to_owned(), outputs.collect())])
    }

    fn differs(expected: &[&str], found: &[&str]) -> (u64, u64, u64, u64) {
        let differences = compare(&of("u", expected), &of("u", found));
        let Differences { duplicates, lost, foreign, out_of_order, .. } = differences;
        (duplicates, lost, foreign, out_of_order)
    }

    #[test]
    fn equal_outputs_do_not_differ() {
        assert_eq!(differs(&["a", "b", "a"], &["a", "b", "a"]), (0, 0, 0, 0));
        assert_eq!(compare(&of("u", &["a"]), &of("u", &["a"])).told, "");
    }

    #[test]
    fn each_kind_of_difference_is_counted_as_what_it_is() {
        assert_eq!(differs(&["a", "b"], &["a", "b", "b"]), (1, 0, 0, 0));
        assert_eq!(differs(&["a", "b"], &["b"]), (0, 1, 0, 0));
        assert_eq!(differs(&["a", "b"], &["a", "x", "b"]), (0, 0, 1, 0));
        assert_eq!(differs(&["a", "b", "c"], &["a", "c", "b"]), (0, 0, 0, 1));
    }

    #[test]
    fn an_output_that_is_due_twice_may_come_twice_and_must() {
        assert_eq!(differs(&["a", "b", "a"], &["a", "b"]), (0, 1, 0, 0));
        assert_eq!(differs(&["a", "b", "a"], &["a", "b", "a", "a"]), (1, 0, 0, 0));
    }

    #[test]
    fn a_user_of_whom_nothing_was_expected_is_foreign_and_one_of_whom_nothing_came_is_lost() {
        let differences = compare(&of("u", &["a"]), &of("v", &["a"]));
        assert_eq!((differences.lost, differences.foreign), (1, 1));
        assert!(differences.told.contains("lost: u: s a") && differences.told.contains("foreign: v: s a"));
    }
}
