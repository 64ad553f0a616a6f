//! The totals that Python computed.

use std::collections::BTreeMap;

use serde::Deserialize;

use rekindle_test_kit::repository;

/// The data sets that there are totals of.
pub(crate) const DATA_SETS: [&str; 6] =
    ["cdnow", "online-retail", "completejourney", "google-merch", "rees46-multicategory", "rees46-cosmetics"];

/// One data set: what to replay, and what must come out.
#[derive(Deserialize)]
pub(crate) struct Expected {
    pub(crate) rules: String,
    pub(crate) file: String,
    pub(crate) until: String,
    pub(crate) lines: u64,
    pub(crate) rejected: u64,
    pub(crate) duplicates: u64,
    pub(crate) late: u64,
    pub(crate) calls: BTreeMap<String, u64>,
    pub(crate) events_by_name: BTreeMap<String, u64>,
    pub(crate) users: u64,
    pub(crate) ledger: Ledger,
    pub(crate) segments: BTreeMap<String, ExpectedSegment>,
    pub(crate) first_year: Option<FirstYear>,
    pub(crate) cut: Option<Cut>,
}

/// What the books say over all time; money in millionths.
#[derive(Debug, PartialEq, Deserialize)]
pub(crate) struct Ledger {
    pub(crate) buyers: usize,
    pub(crate) buyers_crc32: u32,
    pub(crate) orders: i64,
    pub(crate) revenue_millionths: i64,
    pub(crate) refunded_millionths: i64,
}

/// A segment at the end; how often it was entered and left, where that is simple to say.
#[derive(Deserialize)]
pub(crate) struct ExpectedSegment {
    pub(crate) members: usize,
    pub(crate) crc32: u32,
    pub(crate) enter: Option<u64>,
    pub(crate) exit: Option<u64>,
}

/// The sum of all statements that customers got 365 days after their first order.
#[derive(Debug, Default, PartialEq, Deserialize)]
pub(crate) struct FirstYear {
    pub(crate) statements: u64,
    pub(crate) orders: i64,
    pub(crate) revenue_millionths: i64,
}

/// A replay that ends before its file does.
#[derive(Deserialize)]
pub(crate) struct Cut {
    pub(crate) until: String,
    pub(crate) accepted: u64,
    pub(crate) rejected: u64,
}

/// The totals of one data set.
pub(crate) fn expected(data_set: &str) -> Expected {
    let text = std::fs::read_to_string(repository().join("tests/real_data/expected.json")).expect("it is committed");
    let mut all: BTreeMap<String, Expected> = serde_json::from_str(&text).expect("totals.py wrote it");
    all.remove(data_set).expect("every data set has its totals")
}
