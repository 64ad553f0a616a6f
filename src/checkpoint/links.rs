//! Links as bytes: `[visitor, user, visitor, user, …]`, sorted by visitor.

use super::envelope::{Content, open, seal};
use super::error::CodecError;
use super::wire::{Reader, Writer};
use crate::identity::Links;

/// All links, sorted by visitor.
pub fn encode_links(links: &Links) -> Vec<u8> {
    let mut pairs: Vec<(&str, &str)> = links.iter().collect();
    pairs.sort_unstable();
    let mut writer = Writer::new();
    writer.array(pairs.len() * 2);
    for (visitor, user) in pairs {
        writer.text(visitor);
        writer.text(user);
    }
    seal(Content::Links, &writer.into_bytes())
}

/// Reads links back.
///
/// # Errors
/// The bytes are not links, are damaged, or of another version.
pub fn decode_links(bytes: &[u8]) -> Result<Links, CodecError> {
    let mut reader = Reader::new(open(Content::Links, bytes)?);
    let (mut links, mut before) = (Links::default(), None);
    let texts = reader.array("the links")?;
    if texts % 2 != 0 {
        return Err(reader.wrong("half a link"));
    }
    for _ in 0..texts / 2 {
        let (visitor, user) = (reader.text("a visitor")?, reader.text("a visitor's user")?);
        if before.replace(visitor).is_some_and(|before| before >= visitor) {
            return Err(reader.wrong("links out of order"));
        }
        links.insert(visitor, user);
    }
    reader.end()?;
    Ok(links)
}
