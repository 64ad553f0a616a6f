//! What fills the blanks of templates.

pub(crate) const COMPARISONS: &[&str] = &[">=", ">", "<", "<=", "==", "!=", ">=", "<"];
pub(crate) const INTEGERS: &[&str] = &["1", "2", "0", "3", "4", "-1"];
pub(crate) const DOUBLES: &[&str] =
    &["10.0", "19.5", "0.0", "0.3", "55.5", "120.25", "-3.25", "0.000001", "1e13", "50"];
pub(crate) const NUMBER_PROPERTIES: &[&str] = &["price", "total", "quantity", "price", "missing", "worth", "net"];
pub(crate) const STRING_PROPERTIES: &[&str] = &["category", "coupon", "path", "label"];
pub(crate) const ANY_PROPERTIES: &[&str] =
    &["category", "price", "coupon", "quantity", "tags", "details.color", "product_id", "cart_id", "worth"];
pub(crate) const POINTS: &[&str] = &["1", "5", "20", "100", "0", "-1", "50", "2.5"];
pub(crate) const PROBABILITIES: &[&str] = &["0.5", "0.7", "0.9", "0.3", "0.99", "0.1", "1", "0.01"];
/// How far models look ahead. For much shorter times the formula of the semantics subtracts two doubles that are nearly equal.
pub(crate) const HORIZONS: &[&str] = &["1d", "7d", "90d", "1h", "6h", "365d"];
pub(crate) const PURCHASES: &[&str] = &["0.5", "0.1", "1.5", "3", "0.001", "10", "25.5"];
pub(crate) const PURPOSES: &[&str] = &["'marketing'", "'ads'"];
pub(crate) const TEXTS: &[&str] = &["'shoes'", "'books'", "'X'", "'gold'", "''", "'s'", "'мода'"];
pub(crate) const PATTERNS: &[&str] = &["'^s'", "'oo'", "'^(gold|shoes)$'", "'[0-9]+'", "'/p/.*'"];
pub(crate) const TRAITS: &[&str] = &["tier", "gender", "age", "vip", "timezone", "nickname"];

/// Lengths of windows, and their milliseconds; the log snaps to the edges of their panes.
pub(crate) const WINDOWS: &[(&str, i64)] = &[
    ("1h", 3_600_000),
    ("1m", 60_000),
    ("5m", 300_000),
    ("30m", 1_800_000),
    ("90m", 5_400_000),
    ("6h", 21_600_000),
    ("1d", 86_400_000),
    ("3d", 259_200_000),
    ("7d", 604_800_000),
    ("90s", 90_000),
    ("59s", 59_000),
    ("61ms", 61),
    ("7777ms", 7_777),
    ("1s", 1_000),
    ("1h30m", 5_400_000),
    ("1ms", 1),
];

/// Constants that times are compared with, and their milliseconds; the log's gaps come from here too.
pub(crate) const DURATIONS: &[(&str, i64)] = &[
    ("1h", 3_600_000),
    ("5m", 300_000),
    ("20m", 1_200_000),
    ("90s", 90_000),
    ("6h", 21_600_000),
    ("1d", 86_400_000),
    ("26h", 93_600_000),
    ("7d", 604_800_000),
    ("61ms", 61),
    ("1s", 1_000),
    ("1ms", 1),
    ("1m30s", 90_000),
];

pub(crate) const CALENDAR_WINDOWS: &[&str] = &[
    "today",
    "yesterday",
    "this_week",
    "last_week",
    "this_month",
    "last_month",
    "this_quarter",
    "last_quarter",
    "this_year",
    "last_year",
];
pub(crate) const DAYS: &[&str] = &["1", "2", "3", "7", "30", "366"];
pub(crate) const FACTORS: &[&str] = &["1.5", "2", "0.333", "0.7", "1.25", "0.001", "7", "0", "-1", "0.000001", "1000"];
pub(crate) const KEYS: &[&str] = &["'c1'", "'7'", "'p1'", "'c'", "'shoes'"];
/// Traits that may be instants or dates.
pub(crate) const MOMENT_TRAITS: &[&str] = &["renews_at", "birthday", "renews_at", "nickname"];
