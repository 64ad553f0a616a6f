//! Codes of coupons in random logs. What a code is follows from the rules and the secret, so a log has marks in their place until it
//! becomes text.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::oracle::CouponCodes;

/// `@code:WHICH:N:USER@`: of the campaigns with a coupon that one, its N-th code for that user; without a user, for the user of
/// the line.
static MARK: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("@code:([0-9]+):([0-9]+):([a-z0-9]*)@").expect("the pattern is fixed and valid"));

static LINE_USER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("\"(?:userId|anonymousId)\":\"([^\"]+)\"").expect("the pattern is fixed and valid"));

/// JSON texts of what a call may say of a coupon.
pub(crate) const COUPON_MARKS: [&str; 5] =
    ["\"@code:0:1:@\"", "\"@code:1:1:@\"", "\"@code:0:2:@\"", "\"@code:0:1:u0@\"", "\"@code:2:1:@\""];

/// The log with codes in the place of marks. A mark stays where no campaign has such a coupon.
pub(crate) fn with_codes(log: &str, rules_toml: &str, secret: &str) -> String {
    if !log.contains("@code:") || !rules_toml.contains("\ncoupon = ") {
        return log.to_owned();
    }
    let codes = CouponCodes::new(rules_toml, secret.as_bytes());
    log.split_inclusive('\n').map(|line| line_with_codes(line, &codes)).collect()
}

fn line_with_codes(line: &str, codes: &CouponCodes) -> String {
    let of_line = LINE_USER.captures(line).map_or("", |found| found.get(1).map_or("", |user| user.as_str()));
    let code = |mark: &Captures<'_>| {
        let number = |group: usize| mark[group].parse::<usize>().expect("marks have short numbers");
        let user = if mark[3].is_empty() { of_line } else { &mark[3] };
        codes.nth(number(1), user, number(2)).unwrap_or_else(|| mark[0].to_owned())
    };
    MARK.replace_all(line, code).into_owned()
}
