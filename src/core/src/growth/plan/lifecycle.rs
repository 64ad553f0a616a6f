//! Where a user is in the lifecycle.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::rules::growth::Stage;

/// A lifecycle state by its number: [`OUTSIDE`], [`NO_STAGE`], then the stages of the rules.
pub(crate) type StageNumber = u8;
/// Not known yet, or no longer.
pub(crate) const OUTSIDE: StageNumber = 0;
/// Known, and in no stage.
pub(crate) const NO_STAGE: StageNumber = 1;

/// Where a user is in the lifecycle. In JSON `outside`, `none` or the name of the stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StageMembership {
    /// Not known yet, merged into another user, expired or forgotten.
    Outside,
    /// Known, and in no stage.
    None,
    /// In a stage.
    Stage(Stage),
}

impl StageMembership {
    /// The stage, if the user is in one.
    pub fn stage(self) -> Option<Stage> {
        match self {
            StageMembership::Stage(stage) => Some(stage),
            StageMembership::Outside | StageMembership::None => None,
        }
    }
}

impl AsRef<str> for StageMembership {
    fn as_ref(&self) -> &str {
        match self {
            StageMembership::Outside => "outside",
            StageMembership::None => "none",
            StageMembership::Stage(stage) => stage.as_ref(),
        }
    }
}

impl fmt::Display for StageMembership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_ref())
    }
}

impl Serialize for StageMembership {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_ref())
    }
}
