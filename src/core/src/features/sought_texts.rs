//! Texts that are looked for in what features keep: ids of one person, for one who asks where they are kept.

use std::collections::HashSet;

use super::window_distinct::value_hash;
use crate::event::Scalar;

/// Texts, and their hashes, by which `distinct` knows them.
pub(crate) struct SoughtTexts<'t> {
    texts: HashSet<&'t str>,
    hashes: HashSet<u64>,
}

impl<'t> SoughtTexts<'t> {
    /// These texts.
    pub(crate) fn new(texts: impl IntoIterator<Item = &'t str>) -> SoughtTexts<'t> {
        let texts: HashSet<&str> = texts.into_iter().collect();
        let hashes = texts.iter().filter_map(|text| value_hash(&Scalar::Text((*text).into()))).collect();
        SoughtTexts { texts, hashes }
    }

    /// Whether this is one of them.
    pub(crate) fn has(&self, text: &str) -> bool {
        self.texts.contains(text)
    }

    /// Whether one of them has this hash.
    pub(super) fn has_hash(&self, hash: u64) -> bool {
        self.hashes.contains(&hash)
    }
}
