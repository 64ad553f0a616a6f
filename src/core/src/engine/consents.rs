//! What a user consents to, from calls of any type by their times (semantics §21).

use thin_vec::ThinVec;

use crate::encoding::{KeySpace, StateReader, StateWriter};
use crate::event::{Event, Scalar, field_value};
use crate::rules::ruleset::{Purpose, PurposeId};
use crate::time::Timestamp;

/// What a consent is called where state is shown.
const WORDS: [&str; 2] = ["withdrawn", "given"];

/// The latest that a user's calls said of each purpose that the rules ask about. What they never said takes no room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserConsents(ThinVec<Consent>);

/// What a user said of a purpose last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consent {
    /// The purpose.
    pub purpose: PurposeId,
    /// When: the time of the call.
    pub at: Timestamp,
    /// Whether it is given; else it is refused or withdrawn.
    pub is_given: bool,
}

impl UserConsents {
    /// Takes what a call of time `ts` says.
    pub(crate) fn learn(&mut self, purposes: &[Purpose], event: &Event<'_>, ts: Timestamp) {
        for (purpose, said) in said(purposes, event) {
            self.take(Consent { purpose, at: ts, is_given: said });
        }
    }

    /// The later one counts; of equal times, the one that is not given.
    fn take(&mut self, consent: Consent) {
        match self.0.binary_search_by_key(&consent.purpose, |known| known.purpose) {
            Err(at) => self.0.insert(at, consent),
            Ok(at) => {
                let known = &mut self.0[at];
                if (consent.at, !consent.is_given) > (known.at, !known.is_given) {
                    *known = consent;
                }
            }
        }
    }

    /// Unites what was said elsewhere of the same user: by a visitor that is this user, or in a past that was recomputed.
    pub(crate) fn unite(&mut self, other: UserConsents) {
        other.0.into_iter().for_each(|consent| self.take(consent));
    }

    /// Whether the user consents; `None`: nothing was ever said of it.
    pub fn given(&self, purpose: PurposeId) -> Option<bool> {
        let at = self.0.binary_search_by_key(&purpose, |known| known.purpose).ok()?;
        Some(self.0[at].is_given)
    }

    /// The first of some purposes that the user does not consent to.
    pub(crate) fn first_lacking(&self, needs: &[PurposeId]) -> Option<PurposeId> {
        needs.iter().copied().find(|purpose| self.given(*purpose) != Some(true))
    }

    /// What was said, ascending by purpose.
    pub fn all(&self) -> &[Consent] {
        &self.0
    }

    /// Whether nothing was ever said.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes it takes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<Consent>()
    }

    /// Writes them, in any format.
    pub(crate) fn write<W: StateWriter>(&self, writer: &mut W) {
        let consents = self.0.iter().map(|consent| (consent.purpose.0, consent));
        writer.map("consents", KeySpace::Purposes, consents, |writer, consent| {
            writer.record("", 2, |writer| {
                writer.time("at", consent.at);
                writer.choice("consent", &WORDS, u8::from(consent.is_given));
            });
        });
    }

    /// Reads those to purposes that the current rules ask about.
    pub(crate) fn read<R: StateReader>(reader: &mut R) -> Result<UserConsents, R::Error> {
        let consents = reader.map(KeySpace::Purposes, "a user's consents", |reader, id| {
            reader.record(2, "a consent")?;
            let at = reader.time("the time of a consent")?;
            let is_given = reader.choice(2, "whether a consent is given")? == 1;
            Ok(Consent { purpose: PurposeId(id), at, is_given })
        })?;
        Ok(UserConsents(consents.into()))
    }
}

/// The purposes of which a call says something, and what: a boolean. Anything else says nothing.
pub(crate) fn said<'e>(
    purposes: &'e [Purpose],
    event: &'e Event<'_>,
) -> impl Iterator<Item = (PurposeId, bool)> + use<'e> {
    (0..).map(PurposeId).zip(purposes).filter_map(|(id, purpose)| match field_value(&event.fields, purpose.field) {
        Some(Scalar::Bool(is_given)) => Some((id, *is_given)),
        _ => None,
    })
}
