//! Hillstrom's e-mail test of 2008: 64,000 people, of whom two thirds got an e-mail, looked at row by row.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use libtest_mimic::Trial;
use rekindle_core::goals::{GoalTally, Measure, USERS_MIN};
use rekindle_core::statistics::DifferenceInterval;
use rekindle_test_kit::data_sets::trial;

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("uplift_of_an_e_mail_test_is_as_published", "raw/hillstrom/hillstrom.csv.zst", assert_as_published)]
}

/// The groups, and the last three columns: whether they visited, whether they bought, for how much.
fn rows(file: &Path) -> Vec<(String, [i128; 3])> {
    let decoder = zstd::Decoder::new(File::open(file).expect("it opens")).expect("zstd");
    let text = std::io::read_to_string(decoder).expect("it is whole");
    let row = |line: &str| {
        let cells: Vec<&str> = line.rsplitn(5, ',').collect();
        let millionths = |cell: &str| (cell.trim().parse::<f64>().expect("a number") * 1e6).round() as i128;
        (cells[3].to_owned(), [millionths(cells[2]), millionths(cells[1]), millionths(cells[0])])
    };
    text.lines().skip(1).map(row).collect()
}

/// The interval after the last row, and the first row after which it excludes 0.
fn compared(
    rows: &[(String, [i128; 3])],
    treated: &str,
    column: usize,
    measure: Measure,
) -> (DifferenceInterval, Option<usize>) {
    let mut tallies: BTreeMap<&str, GoalTally> = BTreeMap::new();
    let (mut latest, mut first) = (None, None);
    for (number, (group, values)) in (1..).zip(rows) {
        if ![treated, "No E-Mail"].contains(&group.as_str()) {
            continue;
        }
        let value = values[column];
        tallies.entry(group).or_default().add(&GoalTally::of_user(u64::from(value != 0), value, 0));
        let (Some(with), Some(without)) = (tallies.get(treated), tallies.get("No E-Mail")) else { continue };
        if with.users.min(without.users) < USERS_MIN {
            continue;
        }
        let (with, without) = (with.estimate(measure).expect("users"), without.estimate(measure).expect("users"));
        let interval = DifferenceInterval::new(with, without);
        if interval.sign() != 0 && first.is_none() {
            first = Some(number);
        }
        latest = Some(interval);
    }
    (latest.expect("more than 100 a side"), first)
}

fn assert_as_published(file: &Path) {
    let rows = rows(file);
    assert_eq!(rows.len(), 64_000);
    let cases = [
        ("Mens E-Mail", 0, Measure::Users, [0.076590, 0.065685, 0.087494], Some(1_901)),
        ("Womens E-Mail", 1, Measure::Users, [0.003111, 0.000461, 0.005761], None),
        ("Womens E-Mail", 2, Measure::Value, [0.424412, 0.004648, 0.844177], None),
    ];
    for (treated, column, measure, expected, first_row) in cases {
        let (found, first) = compared(&rows, treated, column, measure);
        for (found, expected) in [found.difference, found.low, found.high].into_iter().zip(expected) {
            assert!((found - expected).abs() <= 1e-6, "{treated}, column {column}: {found} is not {expected}");
        }
        assert!(first_row.is_none() || first == first_row, "{treated}, column {column}: {first:?}");
    }
}
