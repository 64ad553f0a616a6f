//! What partners were told about one user.

use thin_vec::ThinVec;

use super::subject::PartnerSubject;
use crate::encoding::{KeySpace, ListShape, RuleReference, StateReader, StateWriter};
use crate::rules::ruleset::{Partner, PartnerId, SegmentId, TransitionKind};

/// The values of a share.
const FIELDS: u64 = 4;

/// With whom a user is shared. Empty for most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartnerShares(ThinVec<PartnerShare>);

/// What one partner was told about the user, and no end of it yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartnerShare {
    /// The partner.
    pub partner: RuleReference,
    /// Under which subject.
    pub subject: PartnerSubject,
    /// The hash of the text that the subject is made of, so that it is made again only of another one.
    text_hash: u64,
    /// The segments; never none.
    pub segments: ThinVec<RuleReference>,
}

/// The user is shared with a partner for a segment, or not any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareChange {
    /// The partner.
    pub partner: RuleReference,
    /// The segment.
    pub segment: RuleReference,
    /// Which of the two.
    pub change: TransitionKind,
    /// Under which subject.
    pub subject: PartnerSubject,
}

/// What a user's state asks for: that a partner knows it for these segments, by a text with this hash.
pub(crate) struct ShareUpdate<'u> {
    pub(crate) partner: PartnerId,
    pub(crate) definition: &'u Partner,
    /// For which of the partner's segments; none where there is nothing to share.
    pub(crate) is_shared: &'u dyn Fn(SegmentId) -> bool,
    pub(crate) text_hash: u64,
    /// Makes the subject of the text.
    pub(crate) subject: &'u dyn Fn() -> PartnerSubject,
}

impl PartnerShares {
    /// Ends what is shared with partners, or for segments, that the rules do not name any more, and appends what is told.
    pub(crate) fn drop_unknown(&mut self, partners: &[Partner], told: &mut Vec<ShareChange>) {
        self.0.retain_mut(|share| {
            let known = match share.partner {
                RuleReference::Current(id) => partners.get(usize::from(id)),
                RuleReference::Gone(_) => None,
            };
            let PartnerShare { partner, subject, segments, .. } = share;
            segments.retain(|segment| {
                let is_known = match segment {
                    RuleReference::Current(id) => known.is_some_and(|it| it.segments.contains(&SegmentId(*id))),
                    RuleReference::Gone(_) => false,
                };
                if !is_known {
                    let (partner, segment) = (partner.clone(), segment.clone());
                    told.push(ShareChange { partner, segment, change: TransitionKind::Exit, subject: *subject });
                }
                is_known
            });
            !segments.is_empty()
        });
    }

    /// Brings what a partner knows to what it should, and appends what is told: as the partner lists its segments; where the
    /// subject is another, each `exit` before its `enter`.
    pub(crate) fn update(&mut self, update: &ShareUpdate<'_>, told: &mut Vec<ShareChange>) {
        let partner = RuleReference::Current(update.partner.0);
        let place = self.0.iter().position(|share| share.partner == partner);
        let is_anything = update.definition.segments.iter().any(|segment| (update.is_shared)(*segment));
        if place.is_none() && !is_anything {
            return;
        }
        let known = place.map(|at| &self.0[at]);
        let is_same = known.is_some_and(|known| known.text_hash == update.text_hash);
        let subject = match known {
            Some(known) if is_same || !is_anything => known.subject,
            _ => (update.subject)(),
        };
        let mut segments = ThinVec::new();
        for id in &update.definition.segments {
            let segment = RuleReference::Current(id.0);
            let was = known.filter(|known| known.segments.contains(&segment)).map(|known| known.subject);
            let is = (update.is_shared)(*id).then_some(subject);
            if was != is {
                let ends = was.map(|subject| (TransitionKind::Exit, subject));
                let begins = is.map(|subject| (TransitionKind::Enter, subject));
                told.extend(ends.into_iter().chain(begins).map(|(change, subject)| {
                    let (partner, segment) = (partner.clone(), segment.clone());
                    ShareChange { partner, segment, change, subject }
                }));
            }
            if is.is_some() {
                segments.push(segment);
            }
        }
        let share = PartnerShare { partner, subject, text_hash: update.text_hash, segments };
        match (place, share.segments.is_empty()) {
            (Some(at), true) => drop(self.0.remove(at)),
            (Some(at), false) => self.0[at] = share,
            (None, true) => {}
            (None, false) => {
                let at = self.0.partition_point(|other| other.partner < share.partner);
                self.0.insert(at, share);
            }
        }
    }

    /// Ends all, and appends what is told: by partner, then as it was shared.
    pub(crate) fn end_all(&mut self, told: &mut Vec<ShareChange>) {
        for PartnerShare { partner, subject, segments, .. } in std::mem::take(&mut self.0) {
            told.extend(segments.into_iter().map(|segment| ShareChange {
                partner: partner.clone(),
                segment,
                change: TransitionKind::Exit,
                subject,
            }));
        }
    }

    /// Under which subject the user is shared with a partner, for a segment; `None`: it is not.
    pub fn subject(&self, partner: PartnerId, segment: SegmentId) -> Option<PartnerSubject> {
        let share = self.0.iter().find(|share| share.partner == RuleReference::Current(partner.0))?;
        share.segments.contains(&RuleReference::Current(segment.0)).then_some(share.subject)
    }

    /// By partner.
    pub fn all(&self) -> &[PartnerShare] {
        &self.0
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes they take on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        let of_share = |share: &PartnerShare| share.segments.capacity() * size_of::<RuleReference>();
        self.0.capacity() * size_of::<PartnerShare>() + self.0.iter().map(of_share).sum::<usize>()
    }

    /// Writes them, in any format.
    pub(crate) fn write<W: StateWriter>(&self, writer: &mut W) {
        writer.list("shared_with", ListShape::Records, self.0.iter(), |writer, share| {
            writer.record("", FIELDS, |writer| {
                writer.reference("partner", KeySpace::Partners, &share.partner);
                writer.text("subject", &share.subject.to_string());
                writer.hash("text_hash", share.text_hash);
                writer.list("segments", ListShape::Values, share.segments.iter(), |writer, segment| {
                    writer.reference("segment", KeySpace::Segments, segment);
                });
            });
        });
    }

    /// Reads them, also those of partners and segments that the current rules do not have: their end is still to be told.
    pub(crate) fn read<R: StateReader>(reader: &mut R) -> Result<PartnerShares, R::Error> {
        let mut shares = reader.list(ListShape::Records, "with whom a user is shared", |reader| {
            reader.record(FIELDS, "a share")?;
            let partner = reader.reference(KeySpace::Partners, "the partner of a share")?;
            let subject = PartnerSubject::parse(reader.text("a subject")?);
            reader.verify(|| subject.is_some(), "a subject that is none")?;
            let text_hash = reader.hash("the hash of a subject's text")?;
            let segments = reader.list(ListShape::Values, "the segments of a share", |reader| {
                reader.reference(KeySpace::Segments, "the segment of a share")
            })?;
            reader.verify(|| !segments.is_empty(), "a share for no segment")?;
            let subject = subject.unwrap_or(PartnerSubject([0; 16]));
            Ok(PartnerShare { partner, subject, text_hash, segments: segments.into() })
        })?;
        shares.sort_by(|a, b| a.partner.cmp(&b.partner));
        let is_twice = shares.windows(2).any(|pair| pair[0].partner == pair[1].partner);
        reader.verify(|| !is_twice, "two shares with one partner")?;
        Ok(PartnerShares(shares.into()))
    }
}
