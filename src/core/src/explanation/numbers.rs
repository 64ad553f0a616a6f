//! Numbers for people.

/// With commas between thousands: `-1,234.5`.
pub(super) fn grouped(number: &impl ToString) -> String {
    let text = number.to_string();
    let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("-", digits));
    let (whole, fraction) = digits.find('.').map_or((digits, ""), |at| digits.split_at(at));
    let mut out = sign.to_owned();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out.push_str(fraction);
    out
}

/// A share as `2.5 %`.
pub(super) fn percent(share: f64) -> String {
    let tenths = (share * 1_000.0).round() / 10.0;
    format!("{tenths} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        let of = |text: &str| grouped(&text);
        assert_eq!([of("0"), of("999"), of("1000"), of("-1234567.25")], ["0", "999", "1,000", "-1,234,567.25"]);
        assert_eq!([percent(0.05), percent(0.125), percent(1.0)], ["5 %", "12.5 %", "100 %"]);
    }
}
