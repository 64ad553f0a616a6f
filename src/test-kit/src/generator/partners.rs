//! Random partners, and what campaigns need.

use std::fmt::Write as _;

use super::conditions::SegmentName;
use super::picks::Picks;
use super::rules::{number, optional};

/// Bytes of choices of a partner.
pub(crate) const PARTNER_CHOICES: usize = 5;

const NEEDS: &[&str] = &["", "[]", "[\"marketing\"]", "[\"ads\"]", "[\"ads\", \"marketing\"]", "[\"marketing\"]"];
const SUBJECTS: &[&str] = &["", "traits.tier", "traits.nickname", "", "traits.age"];

/// Writes an entry of `[[partners]]`, unless there is no segment of users that it may know.
pub(crate) fn write_partner(
    text: &mut String,
    index: usize,
    choices: &[u8],
    segments: &[Option<SegmentName>],
) -> std::fmt::Result {
    let mut picks = Picks::new(choices);
    let of_users: Vec<&str> =
        segments.iter().flatten().filter(|segment| segment.per.is_none()).map(|segment| segment.id.as_str()).collect();
    if of_users.is_empty() {
        return Ok(());
    }
    writeln!(text, "\n[[partners]]\nid = \"p{index}\"")?;
    number(text, "needs", picks.pick(NEEDS))?;
    optional(text, "subject", picks.pick(SUBJECTS))?;
    let mut shared = vec![picks.pick(&of_users)];
    let second = picks.pick(&of_users);
    if !shared.contains(&second) && picks.index(2) == 1 {
        shared.push(second);
    }
    writeln!(text, "segments = [{}]", shared.iter().map(|id| format!("\"{id}\"")).collect::<Vec<_>>().join(", "))
}

/// Writes what a campaign needs; mostly nothing.
pub(crate) fn write_needs(text: &mut String, choice: &[u8]) -> std::fmt::Result {
    number(text, "needs", Picks::new(choice).pick(&["", "", "", "", NEEDS[1], NEEDS[2], NEEDS[3], NEEDS[4]]))
}
