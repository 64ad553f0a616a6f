//! The names of objects. Every name has the epoch of who wrote it, so that nobody removes what a later one wrote.

use crate::checkpoint::Kind;

/// The object that says which others count.
pub(super) const MANIFEST: &str = "manifest.json";

/// `000000000012-3.delta`
pub(super) fn checkpoint(number: u64, epoch: u64, kind: Kind) -> String {
    format!("{number:012}-{epoch}.{}", kind.name())
}

/// `rules-0123456789abcdef-3.toml`
pub(super) fn rules(version: &str, epoch: u64) -> String {
    let plain: String = version.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("rules-{plain}-{epoch}.toml")
}

/// The epoch in a name of ours; `None`: it is none.
pub(super) fn epoch_of(name: &str) -> Option<u64> {
    let (stem, _) = name.rsplit_once('.').filter(|(_, kind)| ["base", "delta", "toml"].contains(kind))?;
    let (first, epoch) = stem.rsplit_once('-')?;
    let is_ours = first.starts_with("rules-") || first.len() >= 12 && first.bytes().all(|byte| byte.is_ascii_digit());
    epoch.parse().ok().filter(|_| is_ours)
}

/// Whether a name is a checkpoint's.
pub(super) fn is_checkpoint(name: &str) -> bool {
    epoch_of(name).is_some() && !name.starts_with("rules-")
}
