//! Reads a file: first as a whole (is it one, is it undamaged, what does it say of itself), then part by part, so that
//! many can work on it at once.

use std::sync::Arc;

use super::block::{Block, BlockKind, blocks};
use super::dictionary::Dictionary;
use super::error::CodecError;
use super::growth;
use super::head::{Head, Kind, Totals};
use super::user;
use super::wire::Reader;
use crate::growth::Rollup;
use crate::partition::{PackedUser, Plan};

/// A file all of whose checksums are right.
#[derive(Debug)]
pub struct File<'b> {
    head: Head,
    keys: Block<'b>,
    parts: Vec<Part<'b>>,
    totals: Totals,
}

/// A part of a file, to be read by itself.
#[derive(Clone, Copy, Debug)]
pub struct Part<'b>(Block<'b>);

/// What it takes to read the parts of a file for some rules.
pub struct Reading<'p> {
    plan: &'p Plan,
    known: Dictionary,
    /// The file was written under these rules.
    same_rules: bool,
}

/// What a part holds.
#[derive(Debug)]
pub enum Content {
    /// Users of a partition.
    Users(u16, Vec<PackedUser>),
    /// Users of a partition who are gone.
    Removed(u16, Vec<Arc<str>>),
    /// Visitors with the user each is linked to.
    Links(Vec<(Arc<str>, Arc<str>)>),
    /// Visitors whose links are gone.
    Unlinked(Vec<Arc<str>>),
    /// The growth numbers; `None`: the rules of now know nothing of what is in them.
    Growth(Option<Box<Rollup>>),
}

impl<'b> File<'b> {
    /// Checks the bytes of a file.
    ///
    /// # Errors
    /// They are not a checkpoint, are damaged or cut off, or of another version.
    pub fn read(bytes: &'b [u8]) -> Result<File<'b>, CodecError> {
        let blocks = blocks(bytes)?;
        let Some((end, blocks)) = blocks.split_last().filter(|(end, _)| end.kind == BlockKind::End) else {
            return Err(CodecError::Truncated { at: bytes.len() });
        };
        let [head, keys, parts @ ..] = blocks else {
            return Err(CodecError::Block { what: "a file without head and keys", at: end.at });
        };
        for (block, kind) in [(head, BlockKind::Head), (keys, BlockKind::Keys)] {
            if block.kind != kind {
                return Err(CodecError::Block { what: "a block in another's place", at: block.at });
            }
        }
        let head = Head::read(&mut Reader::new(&head.content()?))?;
        let totals = Totals::read(&mut Reader::new(&end.content()?))?;
        let (mut counted, mut has_growth) = (Totals::default(), false);
        for part in parts {
            let of_delta = match part.kind {
                BlockKind::Users => (&mut counted.users, false),
                BlockKind::Removed => (&mut counted.removed, true),
                BlockKind::Links => (&mut counted.links, false),
                BlockKind::Unlinked => (&mut counted.unlinked, true),
                BlockKind::Growth if !has_growth => {
                    has_growth = true;
                    continue;
                }
                BlockKind::Growth | BlockKind::Head | BlockKind::Keys | BlockKind::End => {
                    return Err(CodecError::Block { what: "a block that stands there twice", at: part.at });
                }
            };
            if part.partition >= head.partitions || of_delta.1 && head.kind == Kind::Base {
                return Err(CodecError::Block { what: "a block that does not go with the head", at: part.at });
            }
            *of_delta.0 += u64::from(part.items);
        }
        if counted != totals {
            return Err(CodecError::Block { what: "other numbers than there are", at: end.at });
        }
        Ok(File { head, keys: *keys, parts: parts.iter().copied().map(Part).collect(), totals })
    }

    /// What it says of itself.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// How much is in it.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// Its parts, in any order.
    pub fn parts(&self) -> &[Part<'b>] {
        &self.parts
    }

    /// Prepares to read its parts for these rules. Where it was written under others, every user will be unsettled and
    /// due at the user's own clock.
    ///
    /// # Errors
    /// Its keys can't be read.
    pub fn reading<'p>(&self, plan: &'p Plan) -> Result<Reading<'p>, CodecError> {
        let content = self.keys.content()?;
        let mut reader = Reader::new(&content);
        let known = Dictionary::read(plan, &mut reader)?;
        reader.end()?;
        Ok(Reading { plan, known, same_rules: self.head.rules == plan.rules.version })
    }
}

impl Part<'_> {
    /// Reads the part.
    ///
    /// # Errors
    /// What stands in it is not what the format says.
    pub fn content(&self, reading: &Reading<'_>) -> Result<Content, CodecError> {
        let block = &self.0;
        let content = block.content()?;
        let mut reader = Reader::new(&content);
        let content = match block.kind {
            BlockKind::Users => Content::Users(block.partition, reading.users(block.items, &mut reader)?),
            BlockKind::Removed => {
                Content::Removed(block.partition, items(block.items, || id(&mut reader, "a user who is gone"))?)
            }
            BlockKind::Growth => {
                let Some(translation) = &reading.known.growth else { return Ok(Content::Growth(None)) };
                Content::Growth(Some(Box::new(growth::read(translation, &mut reader)?)))
            }
            BlockKind::Unlinked => Content::Unlinked(items(block.items, || id(&mut reader, "a visitor"))?),
            _ => Content::Links(items(block.items, || {
                Ok((id(&mut reader, "a visitor")?, id(&mut reader, "a visitor's user")?))
            })?),
        };
        reader.end()?;
        Ok(content)
    }
}

impl Reading<'_> {
    fn users(&self, count: u32, reader: &mut Reader<'_>) -> Result<Vec<PackedUser>, CodecError> {
        items(count, || {
            let mut user = user::read(&self.plan.rules, &self.known, reader)?;
            if !self.same_rules {
                user.unsettled = true;
                user.segments_due = user.profile.now;
            }
            Ok(PackedUser::new(&user))
        })
    }
}

fn id(reader: &mut Reader<'_>, what: &'static str) -> Result<Arc<str>, CodecError> {
    reader.text(what).map(Arc::from)
}

/// So many items; nothing is reserved ahead for what may not be there.
fn items<T>(count: u32, mut item: impl FnMut() -> Result<T, CodecError>) -> Result<Vec<T>, CodecError> {
    let mut items = Vec::new();
    for _ in 0..count {
        items.push(item()?);
    }
    Ok(items)
}
