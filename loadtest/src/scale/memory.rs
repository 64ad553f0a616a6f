//! The memory that a number of users needs, and whether it is available.

use crate::error::Error;
use crate::process;
use crate::table::grouped;

/// Memory besides that of users.
const BASE_BYTES: u64 = 256 << 20;
/// The peak of memory per user.
const USER_BYTES: u64 = 300;

/// The least memory for the largest of these sizes.
pub(super) fn needed(users: u32) -> u64 {
    BASE_BYTES + u64::from(users) * USER_BYTES
}

/// Fails if there is less memory than this number of users needs. If the system does not report it, there is enough.
pub(super) fn check(users: u32) -> Result<(), Error> {
    is_enough(users, process::available())
}

fn is_enough(users: u32, available: Option<u64>) -> Result<(), Error> {
    match available {
        Some(available) if available < needed(users) => Err(Error::Unreadable(format!(
            "{} users need about {} of memory, and of this machine's {} are available: choose fewer (--users 10000,100000), \
             or let other programs end first",
            grouped(u64::from(users)),
            gib(needed(users)),
            gib(available)
        ))),
        _ => Ok(()),
    }
}

/// As text.
pub(super) fn gib(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_too_little_is_told_how_much_it_takes() {
        assert!(is_enough(10_000_000, None).is_ok() && is_enough(1_000, Some(1 << 30)).is_ok());
        let error = is_enough(10_000_000, Some(2 << 30)).expect_err("too little").to_string();
        assert!(error.starts_with("10,000,000 users need about 3.0 GiB"), "{error}");
        assert!(error.contains("2.0 GiB are available") && error.contains("--users"), "{error}");
    }
}
