//! The sections of a user's state, and which of them a user has: the registry that packing, checkpoints and exports go
//! through.
//!
//! A new kind of state is a section here, and a type that writes and reads itself by
//! [`StateWriter`] and [`StateReader`]. What every user has (the id and some times) is no section: each format has it in
//! a header of its own.

use super::User;
use crate::budgets::Reservations;
use crate::campaigns::{Asks, CampaignState, TriggerLookup};
use crate::encoding::{StateReader, StateWriter};
use crate::engine::consents::UserConsents;
use crate::engine::dedup::DedupState;
use crate::engine::feature_set::{FeatureLookup, FeatureSet};
use crate::engine::instances::KeyInstances;
use crate::engine::membership::MembershipSet;
use crate::engine::traits::UserTraits;
use crate::goals::GoalExposures;
use crate::growth::UserGrowthState;
use crate::partners::PartnerShares;
use crate::picks::{ShownItems, UserPicks};
use crate::points::UserPoints;
use crate::ranks::UserRanks;
use crate::time::Timestamp;

/// A format that a user's sections are written in.
pub(crate) trait SectionWriter: StateWriter {
    /// Growth state has forms of its own in each format.
    fn growth(&mut self, state: &UserGrowthState);

    /// Packed instances are copied as they are.
    fn keys(&mut self, keys: &KeyInstances, latest_event: Timestamp);
}

/// A format that a user's sections are read from.
pub(crate) trait SectionReader: StateReader + FeatureLookup + TriggerLookup {
    /// `None`: the current rules have no growth numbers.
    fn growth(&mut self) -> Result<Option<Box<UserGrowthState>>, Self::Error>;

    fn keys(&mut self, latest_event: Timestamp) -> Result<KeyInstances, Self::Error>;
}

/// A section. Its number is its key in checkpoints, and part of their format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum UserSection {
    Members = 0,
    Traits = 1,
    Zone = 2,
    Features = 3,
    Dedup = 4,
    Exposures = 5,
    Caps = 6,
    Deferred = 7,
    Unsettled = 8,
    Growth = 9,
    Identified = 10,
    Keys = 11,
    Points = 12,
    Goals = 13,
    Asks = 14,
    Reservations = 15,
    Consents = 16,
    Shares = 17,
    Touches = 18,
    Ranks = 19,
    Shown = 20,
}

impl UserSection {
    /// All sections in the order in which they are packed: the seven that most users have first, so that the flags that
    /// say which are there take one byte.
    pub(crate) const ALL: [UserSection; 21] = [
        UserSection::Members,
        UserSection::Traits,
        UserSection::Identified,
        UserSection::Zone,
        UserSection::Features,
        UserSection::Dedup,
        UserSection::Growth,
        UserSection::Exposures,
        UserSection::Caps,
        UserSection::Deferred,
        UserSection::Unsettled,
        UserSection::Keys,
        UserSection::Points,
        UserSection::Goals,
        UserSection::Asks,
        UserSection::Reservations,
        UserSection::Consents,
        UserSection::Shares,
        UserSection::Touches,
        UserSection::Ranks,
        UserSection::Shown,
    ];

    /// The section with a key of the checkpoint format.
    pub(crate) fn of_key(key: u64) -> Option<UserSection> {
        UserSection::ALL.into_iter().find(|section| *section as u64 == key)
    }

    /// Whether it is about campaigns, which are exported by themselves.
    pub(crate) fn is_of_campaigns(self) -> bool {
        matches!(
            self,
            UserSection::Exposures
                | UserSection::Caps
                | UserSection::Deferred
                | UserSection::Goals
                | UserSection::Asks
                | UserSection::Reservations
        )
    }

    /// Whether an export has it even if it is empty.
    pub(crate) fn is_always_exported(self) -> bool {
        !matches!(
            self,
            UserSection::Identified
                | UserSection::Keys
                | UserSection::Points
                | UserSection::Goals
                | UserSection::Asks
                | UserSection::Reservations
                | UserSection::Consents
                | UserSection::Shares
                | UserSection::Touches
                | UserSection::Ranks
                | UserSection::Shown
        )
    }

    /// Whether the user has anything in it.
    pub(crate) fn is_present(self, user: &User) -> bool {
        let profile = &user.profile;
        match self {
            UserSection::Members => !profile.members.is_empty(),
            UserSection::Traits => !profile.traits.entries().is_empty(),
            UserSection::Identified => profile.traits.identified() > Timestamp::MIN,
            UserSection::Zone => profile.zone.is_some(),
            UserSection::Features => !profile.features().is_empty(),
            UserSection::Dedup => !profile.dedup().is_empty(),
            UserSection::Growth => user.growth.is_some(),
            UserSection::Exposures => !user.campaigns.exposures().is_empty(),
            UserSection::Caps => !user.campaigns.cap_times().is_empty(),
            UserSection::Deferred => !user.campaigns.deferred().is_empty(),
            UserSection::Unsettled => user.unsettled,
            UserSection::Keys => !profile.keys.is_empty(),
            UserSection::Goals => !user.goals.is_empty(),
            UserSection::Points => !profile.points.is_empty(),
            UserSection::Asks => !user.campaigns.asks.is_empty(),
            UserSection::Reservations => !user.reservations.is_empty(),
            UserSection::Consents => !profile.consents.is_empty(),
            UserSection::Shares => !user.shares.is_empty(),
            UserSection::Touches => !user.picks.is_empty(),
            UserSection::Ranks => !profile.ranks.is_empty(),
            UserSection::Shown => !user.shown.is_empty(),
        }
    }

    /// Writes what the user has in it.
    pub(crate) fn write<W: SectionWriter>(self, user: &User, writer: &mut W) {
        let profile = &user.profile;
        match self {
            UserSection::Members => profile.members.write(writer),
            UserSection::Traits => profile.traits.write(writer),
            UserSection::Identified => writer.time("latest_identify", profile.traits.identified()),
            UserSection::Zone => profile.write_zone(writer),
            UserSection::Features => profile.write_features(writer),
            UserSection::Dedup => profile.dedup().write(profile.latest, writer),
            UserSection::Growth => {
                if let Some(state) = &user.growth {
                    writer.growth(state);
                }
            }
            UserSection::Exposures => user.campaigns.write_exposures(writer),
            UserSection::Caps => user.campaigns.write_cap_times(writer),
            UserSection::Deferred => user.campaigns.write_deferred(writer),
            UserSection::Unsettled => writer.flag(user.unsettled),
            UserSection::Keys => writer.keys(&profile.keys, profile.latest),
            UserSection::Goals => user.goals.write(writer),
            UserSection::Points => profile.points.write(profile.latest, writer),
            UserSection::Asks => user.campaigns.asks.write(writer),
            UserSection::Reservations => user.reservations.write(writer),
            UserSection::Consents => profile.consents.write(writer),
            UserSection::Shares => user.shares.write(writer),
            UserSection::Touches => user.picks.write(writer),
            UserSection::Ranks => profile.ranks.write(writer),
            UserSection::Shown => user.shown.write(writer),
        }
    }

    /// Reads it into a user whose header was read.
    pub(crate) fn read<R: SectionReader>(self, user: &mut User, reader: &mut R) -> Result<(), R::Error> {
        let profile = &mut user.profile;
        match self {
            UserSection::Members => profile.members = MembershipSet::read(reader)?,
            UserSection::Traits => {
                profile.traits = UserTraits::from_parts(profile.traits.identified(), UserTraits::read_values(reader)?);
            }
            UserSection::Identified => profile.traits.set_identified(reader.time("a user's latest identify call")?),
            UserSection::Zone => profile.read_zone(reader)?,
            UserSection::Features => profile.set_features(FeatureSet::read(reader)?),
            UserSection::Dedup => profile.set_dedup(DedupState::read(profile.latest, reader)?),
            UserSection::Growth => user.growth = reader.growth()?,
            UserSection::Exposures => user.campaigns.set_exposures(CampaignState::read_exposures(reader)?),
            UserSection::Caps => user.campaigns.set_cap_times(CampaignState::read_cap_times(reader)?),
            UserSection::Deferred => user.campaigns.set_deferred(CampaignState::read_deferred(reader)?),
            UserSection::Unsettled => user.unsettled = reader.flag("whether a user is unsettled")?,
            UserSection::Keys => profile.keys = reader.keys(profile.latest)?,
            UserSection::Goals => user.goals = GoalExposures::read(reader)?,
            UserSection::Points => profile.points = UserPoints::read(profile.latest, reader)?,
            UserSection::Asks => user.campaigns.asks = Asks::read(reader)?,
            UserSection::Reservations => user.reservations = Reservations::read(reader)?,
            UserSection::Consents => profile.consents = UserConsents::read(reader)?,
            UserSection::Shares => user.shares = PartnerShares::read(reader)?,
            UserSection::Touches => user.picks = UserPicks::read(reader)?,
            UserSection::Ranks => profile.ranks = UserRanks::read(reader)?,
            UserSection::Shown => user.shown = ShownItems::read(reader)?,
        }
        Ok(())
    }
}
