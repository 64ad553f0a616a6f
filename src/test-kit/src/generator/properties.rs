//! Random properties of events, and elements of arrays in them.

use super::coupons::COUPON_MARKS;
use super::picks::Picks;

/// JSON texts of the properties; an empty one leaves the property out.
const NUMBERS: &[&str] = &[
    "19.5",
    "",
    "10",
    "0.1",
    "0.2",
    "80",
    "55.5",
    "120.25",
    "-3.25",
    "1e1",
    "10.0000004",
    "0.0000005",
    "0.0000015",
    "-0.0000005",
    "1e-9",
    "1e13",
    "-1e13",
    "1e25",
    "1e24",
    "-1e24",
    "-0.0",
    "12345678901234567",
    "12345678901234568",
    "\" 109.30\"",
    "\"12e3\"",
    "null",
    "true",
    "\"12.5\"",
    "[1]",
    "{}",
];
pub(crate) const CATEGORIES: &[&str] =
    &["\"shoes\"", "\"shoes\"", "\"books\"", "\"\"", "\"мода\"", "", "null", "7", "[\"shoes\"]"];
const COUPONS: &[&str] = &["", "", "\"X\"", "\"gold\"", "\"SUMMER-X\"", "null", "10.5"];
const QUANTITIES: &[&str] = &["", "1", "2", "5", "2.5"];
const EXTRAS: &[&str] = &[
    "",
    "",
    "\"gift\":true",
    "\"gift\":false",
    "\"gift\":\"yes\"",
    "\"tags\":[\"shoes\",\"X\",null,3]",
    "\"tags\":\"shoes\"",
    "\"tags\":[ 7 , [\"shoes\"],{\"a\":\"X\"} ]",
    "\"path\":\"/p/12\"",
    "\"details\":{\"color\":\"red\"}",
    "\"details\":null",
];
/// Values of what `[per]` looks at.
const KEYS: &[&str] = &["\"c1\"", "\"c1\"", "\"c2\"", "7"];
/// The same, rarer; not all are keys.
const RARE_KEYS: &[&str] = &[
    "",
    "\"c3\"",
    "\"p1\"",
    "\"7\"",
    "8",
    "7.0",
    "0",
    "-7",
    "2.5",
    "\"\"",
    "null",
    "true",
    "[\"c1\"]",
    "{}",
    "\"мода\"",
    "18446744073709551615",
    "-9223372036854775808",
];
const MOMENTS: &[&str] = &[
    "",
    "",
    "\"2026-03-06\"",
    "\"2026-03-05T01:00:00Z\"",
    "\"2026-10-25T00:30:00.250+02:00\"",
    "\"2026-04-05\"",
    "\"2026-11-01\"",
    "\"2011-12-30\"",
    "\"2028-02-29\"",
    "\"soon\"",
    "\"9999-12-31\"",
    "\"9999-06-15T12:00:00Z\"",
    "\"0000-02-29\"",
    "\"2026-03-05T00:00:00\"",
    "\"2026-03-05t23:59:59z\"",
    "\"2026-03-05 00:00:00Z\"",
    "20260305",
];
/// Elements of arrays that are no objects.
const ODD_ELEMENTS: &[&str] = &["5", "null", "\"p1\"", "[]", "true", "{}"];
/// What may stand in the place of an array.
const ODD_ARRAYS: &[&str] = &["\"p1\"", "{}", "null", "5"];
/// The properties of an event, an object.
pub(crate) fn properties(picks: &mut Picks<'_>) -> String {
    let mut fields = Vec::new();
    push(&mut fields, "price", picks.pick(NUMBERS));
    push(&mut fields, "total", picks.pick(NUMBERS));
    push(&mut fields, "category", picks.pick(CATEGORIES));
    let coupons = [COUPONS, &COUPON_MARKS].concat();
    push(&mut fields, "coupon", picks.pick(&coupons));
    push(&mut fields, "quantity", picks.pick(QUANTITIES));
    push(&mut fields, "cart_id", key(picks));
    push(&mut fields, "product_id", key(picks));
    push(&mut fields, "deliver_by", picks.pick(MOMENTS));
    let extra = picks.pick(EXTRAS);
    fields.push(extra.to_owned());
    push(&mut fields, "products", &array(picks));
    let lines = array(picks);
    if !lines.is_empty() {
        fields.push(format!("\"cart\":{{\"lines\":{lines}}}"));
    }
    object(&fields.iter().map(String::as_str).collect::<Vec<_>>())
}

pub(crate) fn object(fields: &[&str]) -> String {
    let there: Vec<&str> = fields.iter().copied().filter(|field| !field.is_empty()).collect();
    format!("{{{}}}", there.join(","))
}

pub(crate) fn push(fields: &mut Vec<String>, key: &str, json: &str) {
    if !json.is_empty() {
        fields.push(format!("\"{key}\":{json}"));
    }
}

/// An array of products; empty: there is none.
fn array(picks: &mut Picks<'_>) -> String {
    let (form, odd) = (picks.index(12), picks.pick(ODD_ARRAYS));
    match form {
        0..4 => String::new(),
        11 => odd.to_owned(),
        _ => {
            let elements: Vec<String> = (0..form % 4).map(|_| element(picks)).collect();
            format!("[{}]", elements.join(","))
        }
    }
}

fn key(picks: &mut Picks<'_>) -> &'static str {
    let (is_rare, usual, rare) = (picks.index(3) == 2, picks.pick(KEYS), picks.pick(RARE_KEYS));
    if is_rare { rare } else { usual }
}

fn element(picks: &mut Picks<'_>) -> String {
    if picks.rarely(8) {
        return picks.pick(ODD_ELEMENTS).to_owned();
    }
    let mut fields = Vec::new();
    push(&mut fields, "product_id", key(picks));
    push(&mut fields, "price", picks.pick(NUMBERS));
    push(&mut fields, "quantity", picks.pick(QUANTITIES));
    push(&mut fields, "category", picks.pick(CATEGORIES));
    let extra = picks.pick(EXTRAS);
    fields.push(extra.to_owned());
    object(&fields.iter().map(String::as_str).collect::<Vec<_>>())
}
