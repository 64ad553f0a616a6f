//! The traits of a user, from identify calls by their times (semantics §4, `traits.x`).

use thin_vec::ThinVec;

use crate::encoding::{KeySpace, StateReader, StateWriter};
use crate::event::{Scalar, TraitId};
use crate::time::Timestamp;

/// The latest value of each trait that the rules read.
///
/// "Latest" is determined by the identify calls' own times: one that is older than the latest adds only traits that are not there.
/// Null is there.
#[derive(Clone, Debug, PartialEq)]
pub struct UserTraits {
    /// The time of the latest identify call; [`Timestamp::MIN`]: there was none.
    identified: Timestamp,
    /// Ascending by trait; `None`: null.
    values: ThinVec<(TraitId, Option<Scalar<'static>>)>,
}

impl Default for UserTraits {
    fn default() -> UserTraits {
        UserTraits { identified: Timestamp::MIN, values: ThinVec::new() }
    }
}

impl UserTraits {
    /// Applies an identify call of time `ts`.
    pub fn learn(&mut self, said: &[(TraitId, Option<Scalar<'_>>)], ts: Timestamp) {
        let is_latest = ts >= self.identified;
        self.identified = self.identified.max(ts);
        for (id, value) in said {
            match self.place(*id) {
                Ok(at) if is_latest => self.values[at].1 = owned(value),
                Ok(_) => {}
                Err(at) => self.values.insert(at, (*id, owned(value))),
            }
        }
    }

    /// Merges the traits of a visitor that is this user; the user's win.
    pub fn merge(&mut self, visitor: UserTraits) {
        self.identified = self.identified.max(visitor.identified);
        for (id, value) in visitor.values {
            if let Err(at) = self.place(id) {
                self.values.insert(at, (id, value));
            }
        }
    }

    /// A trait's value; `None` if it is null or not there.
    pub fn value(&self, id: TraitId) -> Option<&Scalar<'static>> {
        self.values[self.place(id).ok()?].1.as_ref()
    }

    /// Those that have a value.
    pub fn values(&self) -> impl Iterator<Item = (TraitId, &Scalar<'static>)> {
        self.values.iter().filter_map(|(id, value)| Some((*id, value.as_ref()?)))
    }

    /// Those that are there, null too, ascending by trait.
    pub fn entries(&self) -> &[(TraitId, Option<Scalar<'static>>)] {
        &self.values
    }

    /// The time of the latest identify call; [`Timestamp::MIN`]: there was none.
    pub fn identified(&self) -> Timestamp {
        self.identified
    }

    /// Whether there was no identify call, and no trait came from elsewhere.
    pub fn is_blank(&self) -> bool {
        self.identified == Timestamp::MIN && self.values.is_empty()
    }

    /// Puts back what [`identified`](UserTraits::identified) and [`entries`](UserTraits::entries) gave.
    pub fn from_parts(identified: Timestamp, values: Vec<(TraitId, Option<Scalar<'static>>)>) -> UserTraits {
        UserTraits { identified, values: values.into() }
    }

    /// The time of the latest identify call, where it is read by itself.
    pub(crate) fn set_identified(&mut self, identified: Timestamp) {
        self.identified = identified;
    }

    /// Writes the values, in any format.
    pub(crate) fn write<W: StateWriter>(&self, writer: &mut W) {
        let values = self.values.iter().map(|(id, value)| (id.0, value));
        writer.map("traits", KeySpace::Traits, values, |writer, value| writer.optional_scalar("", value.as_ref()));
    }

    /// Reads the values of traits that the current rules read.
    pub(crate) fn read_values<R: StateReader>(
        reader: &mut R,
    ) -> Result<Vec<(TraitId, Option<Scalar<'static>>)>, R::Error> {
        reader.map(KeySpace::Traits, "a user's traits", |reader, id| {
            Ok((TraitId(id), reader.optional_scalar("a trait")?))
        })
    }

    /// The bytes it takes on the heap.
    pub fn heap_bytes(&self) -> usize {
        let values = self.values.iter().filter_map(|(_, value)| value.as_ref());
        self.values.capacity() * size_of::<(TraitId, Option<Scalar<'static>>)>()
            + values.map(Scalar::heap_bytes).sum::<usize>()
    }

    fn place(&self, id: TraitId) -> Result<usize, usize> {
        self.values.binary_search_by_key(&id, |(other, _)| *other)
    }
}

fn owned(value: &Option<Scalar<'_>>) -> Option<Scalar<'static>> {
    value.as_ref().map(|value| value.clone().into_owned())
}
