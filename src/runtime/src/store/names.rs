//! The names of objects. Every name has the epoch of its writer, so that a writer never removes what a later one wrote.

use rekindle_core::checkpoint::CheckpointKind;

/// The object that says which others are valid.
pub(super) const MANIFEST: &str = "manifest.json";

/// Its copy, which is written after it.
pub(super) const MANIFEST_COPY: &str = "manifest-copy.json";

/// Longer names are not plain.
const MAX_NAME_BYTES: usize = 200;

/// Whether a name is plain: in any folder or bucket it names an object there and nothing else.
pub(super) fn is_plain(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    !name.is_empty() && name.len() <= MAX_NAME_BYTES && !name.starts_with('.') && name.bytes().all(is_plain)
}

/// `000000000012-3.delta`
pub(super) fn checkpoint(number: u64, epoch: u64, kind: CheckpointKind) -> String {
    format!("{number:012}-{epoch}.{}", kind.name())
}

/// `rules-0123456789abcdef-3.toml`
pub(super) fn rules(version: &str, epoch: u64) -> String {
    let plain: String = version.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("rules-{plain}-{epoch}.toml")
}

/// `rules-0123456789abcdef-12-3.past`
pub(super) fn past(version: &str, sequence: u64, epoch: u64) -> String {
    let plain: String = version.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("rules-{plain}-{sequence}-{epoch}.past")
}

/// The epoch in the name of a checkpoint or of rules; `None`: it is another name.
pub(super) fn epoch_of(name: &str) -> Option<u64> {
    let (stem, _) = name.rsplit_once('.').filter(|(_, kind)| ["base", "delta", "toml", "past"].contains(kind))?;
    let (first, epoch) = stem.rsplit_once('-')?;
    let is_ours = first.starts_with("rules-") || first.len() >= 12 && first.bytes().all(|byte| byte.is_ascii_digit());
    epoch.parse().ok().filter(|_| is_ours)
}

/// Whether a name is that of a checkpoint.
pub(super) fn is_checkpoint(name: &str) -> bool {
    epoch_of(name).is_some() && !name.starts_with("rules-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_lead_nowhere_else() {
        for name in [
            checkpoint(7, 3, CheckpointKind::Base),
            checkpoint(u64::MAX, u64::MAX, CheckpointKind::Delta),
            rules("5e31875763703adb", 1),
            past("5e31875763703adb", u64::MAX, 1),
        ] {
            assert!(is_plain(&name) && epoch_of(&name).is_some(), "{name}");
        }
        assert!(is_plain(MANIFEST) && is_plain(MANIFEST_COPY));
        let long = "x".repeat(MAX_NAME_BYTES + 1);
        for name in [
            "",
            ".",
            "..",
            "/etc/passwd",
            "../x.base",
            "a/b",
            "a\\b",
            "C:x",
            ".hidden",
            "a\0b",
            "a b",
            "ä",
            "a\n",
            "%2e%2e",
            &long,
        ] {
            assert!(!is_plain(name), "{name:?}");
        }
    }
}
