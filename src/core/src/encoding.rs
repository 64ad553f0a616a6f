//! How the state of a user is written and read, whatever the format.
//!
//! A kind of state describes itself once, as calls of a [`StateWriter`] and a [`StateReader`]. Three formats implement the
//! writer: packed bytes in memory ([`CompactWriter`](crate::compact::CompactWriter)), the CBOR of a checkpoint, and the JSON
//! of an export. The first two can be read. Both traits are used as generics, so packing costs no dynamic call.
//!
//! Names are those of the export; the other two formats ignore them. Positions in the log and hidden details are not
//! exported. `what` describes a value in an error message.

use std::sync::Arc;

use crate::decimal::Decimal;
use crate::event::Scalar;
use crate::time::{DaySet, Timestamp};

/// The form of a list's items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListShape {
    /// One value each.
    Values,
    /// Two values each, stored without a header of their own.
    Pairs,
    /// A [`record`](StateWriter::record) each.
    Records,
}

/// What an id, or the key of a map, refers to by its index in the rules. Its number is its place among the keys of a checkpoint,
/// and part of their format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeySpace {
    Features = 0,
    Traits = 1,
    Segments = 2,
    Campaigns = 3,
    Caps = 4,
    Names = 5,
    Fields = 6,
    Pers = 7,
    Budgets = 8,
    Goals = 9,
    Ledgers = 10,
    Purposes = 11,
    Partners = 12,
    Groups = 13,
    Picks = 14,
    Tables = 15,
    Ranks = 16,
}

impl KeySpace {
    /// All of them, in the order of their numbers.
    pub(crate) const ALL: [KeySpace; 17] = [
        KeySpace::Features,
        KeySpace::Traits,
        KeySpace::Segments,
        KeySpace::Campaigns,
        KeySpace::Caps,
        KeySpace::Names,
        KeySpace::Fields,
        KeySpace::Pers,
        KeySpace::Budgets,
        KeySpace::Goals,
        KeySpace::Ledgers,
        KeySpace::Purposes,
        KeySpace::Partners,
        KeySpace::Groups,
        KeySpace::Picks,
        KeySpace::Tables,
        KeySpace::Ranks,
    ];
}

/// Something of the rules that state refers to for as long as it must, whatever becomes of the rules.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RuleReference {
    /// Its index in the current rules.
    Current(u16),
    /// Its id: the current rules have nothing of this id.
    Gone(Arc<str>),
}

/// Writes parts of a user's state in one format.
pub(crate) trait StateWriter {
    /// A number of events, actions or exposures.
    fn count(&mut self, name: &'static str, count: u64);
    /// A truth value that is not exported.
    fn flag(&mut self, value: bool);
    /// A sum in whole millionths.
    fn sum(&mut self, name: &'static str, millionths: i128);
    fn decimal(&mut self, name: &'static str, number: Decimal);
    fn time(&mut self, name: &'static str, time: Timestamp);
    /// A time that is not exported.
    fn hidden_time(&mut self, time: Timestamp) {
        self.time("", time);
    }
    /// A time that is usually close to another one that the reader knows.
    fn time_near(&mut self, name: &'static str, other: Timestamp, time: Timestamp);
    fn hash(&mut self, name: &'static str, hash: u64);
    /// A position in the log.
    fn position(&mut self, position: u64);
    fn scalar(&mut self, name: &'static str, value: &Scalar<'_>);
    /// `None` is null.
    fn optional_scalar(&mut self, name: &'static str, value: Option<&Scalar<'_>>);
    fn text(&mut self, name: &'static str, text: &str);
    fn optional_text(&mut self, name: &'static str, text: Option<&str>);
    fn id(&mut self, name: &'static str, keys: KeySpace, id: u16);
    /// An id that is not exported.
    fn hidden_id(&mut self, keys: KeySpace, id: u16) {
        self.id("", keys, id);
    }
    /// An id, also of something that the current rules do not have.
    fn reference(&mut self, name: &'static str, keys: KeySpace, reference: &RuleReference);
    /// One of a few words, by its place among them.
    fn choice(&mut self, name: &'static str, words: &[&'static str], place: u8);
    /// A pane of a window.
    fn pane(&mut self, name: &'static str, pane: i64);
    /// A pane that follows another one (`None`: the first).
    fn pane_after(&mut self, previous: Option<i64>, pane: i64);
    /// A set of days.
    fn days(&mut self, name: &'static str, days: &DaySet) {
        self.record(name, 2, |writer| {
            writer.pane("latest", days.latest().unwrap_or(0));
            writer.list("bits", ListShape::Values, days.words().into_iter(), |writer, word| writer.count("bits", word));
        });
    }
    /// Which variant of state follows, where the rules do not say so.
    fn tag(&mut self, tag: u8);
    /// The next `fields` values belong together. Without a name they are exported as values of what contains them.
    fn record(&mut self, name: &'static str, fields: u64, write: impl FnOnce(&mut Self));
    /// The same, where the number of fields varies and has to be stored.
    fn variable_record(&mut self, fields: u64, write: impl FnOnce(&mut Self));
    fn list<T>(
        &mut self,
        name: &'static str,
        shape: ListShape,
        items: impl ExactSizeIterator<Item = T>,
        write: impl FnMut(&mut Self, T),
    );
    /// Entries by what their keys refer to.
    fn map<T>(
        &mut self,
        name: &'static str,
        keys: KeySpace,
        entries: impl ExactSizeIterator<Item = (u16, T)> + Clone,
        write: impl FnMut(&mut Self, T),
    );
}

/// Reads what a [`StateWriter`] of the same format wrote.
pub(crate) trait StateReader {
    type Error;

    fn count(&mut self, what: &'static str) -> Result<u64, Self::Error>;
    fn flag(&mut self, what: &'static str) -> Result<bool, Self::Error>;
    fn sum(&mut self, what: &'static str) -> Result<i128, Self::Error>;
    fn decimal(&mut self, what: &'static str) -> Result<Decimal, Self::Error>;
    fn time(&mut self, what: &'static str) -> Result<Timestamp, Self::Error>;
    fn time_near(&mut self, other: Timestamp, what: &'static str) -> Result<Timestamp, Self::Error>;
    fn hash(&mut self, what: &'static str) -> Result<u64, Self::Error>;
    fn position(&mut self, what: &'static str) -> Result<u64, Self::Error>;
    /// A word of bits, which was written as a count and may be any number.
    fn bits(&mut self, what: &'static str) -> Result<u64, Self::Error> {
        self.position(what)
    }
    fn scalar(&mut self, what: &'static str) -> Result<Scalar<'static>, Self::Error>;
    fn optional_scalar(&mut self, what: &'static str) -> Result<Option<Scalar<'static>>, Self::Error>;
    fn text(&mut self, what: &'static str) -> Result<&str, Self::Error>;
    fn optional_text(&mut self, what: &'static str) -> Result<Option<Arc<str>>, Self::Error>;
    /// `None`: the current rules have nothing of this id.
    fn id(&mut self, keys: KeySpace, what: &'static str) -> Result<Option<u16>, Self::Error>;
    fn reference(&mut self, keys: KeySpace, what: &'static str) -> Result<RuleReference, Self::Error>;
    /// A place below `count`.
    fn choice(&mut self, count: u8, what: &'static str) -> Result<u8, Self::Error>;
    fn pane(&mut self, what: &'static str) -> Result<i64, Self::Error>;
    fn pane_after(&mut self, previous: Option<i64>, what: &'static str) -> Result<i64, Self::Error>;
    fn days(&mut self, what: &'static str) -> Result<DaySet, Self::Error> {
        self.record(2, what)?;
        let latest = self.pane(what)?;
        let words = self.list(ListShape::Values, what, |reader| reader.bits(what))?;
        let days = DaySet::from_words(latest, &words);
        self.verify(|| days.is_some(), "days that could not have been written")?;
        Ok(days.unwrap_or(DaySet::EMPTY))
    }
    /// The tag that was written, or in a format without tags the one that the rules expect.
    fn tag(&mut self, expected: impl FnOnce() -> u8) -> u8;
    fn record(&mut self, fields: u64, what: &'static str) -> Result<(), Self::Error>;
    /// How many fields the record has.
    fn variable_record(&mut self, what: &'static str) -> Result<u64, Self::Error>;
    fn list<T>(
        &mut self,
        shape: ListShape,
        what: &'static str,
        read: impl FnMut(&mut Self) -> Result<T, Self::Error>,
    ) -> Result<Vec<T>, Self::Error>;
    /// Entries whose keys the current rules do not have are skipped.
    fn map<T>(
        &mut self,
        keys: KeySpace,
        what: &'static str,
        read: impl FnMut(&mut Self, u16) -> Result<T, Self::Error>,
    ) -> Result<Vec<T>, Self::Error>;
    /// Refuses what could not have been written. Formats that only this process writes do not check.
    fn verify(&self, is_sound: impl FnOnce() -> bool, what: &'static str) -> Result<(), Self::Error>;
}
