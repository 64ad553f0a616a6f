//! What is stored of one user for one feature: the registry of its kinds.
//!
//! A kind is a type that implements [`StoredFeature`], in a file of its own, and one line of the registry below. From that
//! line follow packing, checkpoints, exports, expiry and merging; the tag is what tells kinds apart in packed bytes.

mod distinct;
mod last_value;
mod latest_time;
mod numbers;
mod panes;

pub use last_value::LastValue;

use super::window::{DISTINCT_VALUES_MAX, DecimalSum, DistinctPanes, EventCount, Maximum, Minimum, Panes};
use crate::encoding::{StateReader, StateWriter};
use crate::rules::ruleset::{FeatureId, FeatureKind, Window};
use crate::time::Timestamp;
use distinct::DISTINCT_VALUE_BYTES;

/// A kind of feature state.
pub(crate) trait StoredFeature: Sized {
    /// Drops what has left the window at `now`; false when nothing is left.
    fn expire(&mut self, _window: &Window, _now: Timestamp) -> bool {
        true
    }

    /// Merges what another user has for the same feature, at the same instant.
    fn merge(&mut self, other: Self);

    /// The bytes on the heap.
    fn heap_bytes(&self) -> usize;

    /// Writes it, in any format.
    fn write<W: StateWriter>(&self, writer: &mut W);

    /// Reads it; `window` is the feature's, where the format checks what it reads.
    fn read<R: StateReader>(window: Option<&Window>, reader: &mut R) -> Result<Self, R::Error>;
}

impl<S: StoredFeature> StoredFeature for Box<S> {
    fn expire(&mut self, window: &Window, now: Timestamp) -> bool {
        (**self).expire(window, now)
    }

    fn merge(&mut self, other: Self) {
        (**self).merge(*other);
    }

    fn heap_bytes(&self) -> usize {
        size_of::<S>() + (**self).heap_bytes()
    }

    fn write<W: StateWriter>(&self, writer: &mut W) {
        (**self).write(writer);
    }

    fn read<R: StateReader>(window: Option<&Window>, reader: &mut R) -> Result<Self, R::Error> {
        S::read(window, reader).map(Box::new)
    }
}

macro_rules! feature_states {
    ($($(#[$doc:meta])* $tag:literal $variant:ident($state:ty),)*) => {
        /// A feature's state.
        #[derive(Clone, Debug, PartialEq)]
        pub enum FeatureState {
            $($(#[$doc])* $variant($state),)*
        }

        impl FeatureState {
            /// Drops what has left the window at `now`; false when nothing is left.
            pub fn expire(&mut self, window: &Window, now: Timestamp) -> bool {
                match self {
                    $(FeatureState::$variant(state) => StoredFeature::expire(state, window, now),)*
                }
            }

            /// The bytes it takes on the heap.
            pub fn heap_bytes(&self) -> usize {
                match self {
                    $(FeatureState::$variant(state) => StoredFeature::heap_bytes(state),)*
                }
            }

            /// Merges what another user has for the same feature.
            pub fn merge(&mut self, other: FeatureState) {
                match (self, other) {
                    $((FeatureState::$variant(ours), FeatureState::$variant(theirs)) => {
                        StoredFeature::merge(ours, theirs);
                    })*
                    _ => {}
                }
            }

            /// Writes it, in any format.
            pub(crate) fn write<W: StateWriter>(&self, writer: &mut W) {
                match self {
                    $(FeatureState::$variant(state) => {
                        writer.tag($tag);
                        state.write(writer);
                    })*
                }
            }

            /// Reads it; `kind` is that of the feature, where the format needs the rules to tell.
            pub(crate) fn read<R: StateReader>(
                kind: Option<&FeatureKind>,
                reader: &mut R,
            ) -> Result<FeatureState, R::Error> {
                let window = kind.and_then(FeatureKind::window);
                match reader.tag(|| kind.map_or(0, FeatureKind::state_tag)) {
                    $($tag => <$state>::read(window.as_ref(), reader).map(FeatureState::$variant),)*
                    tag => unreachable!("only tags of the registry are written, not {tag}"),
                }
            }
        }
    };
}

feature_states! {
    /// `WindowCount` and `WindowNumericCount`.
    0 Counts(Panes<EventCount>),
    /// `WindowSum`.
    1 Sums(Panes<DecimalSum>),
    /// `WindowMin`.
    2 Minimum(Panes<Minimum>),
    /// `WindowMax`.
    3 Maximum(Panes<Maximum>),
    /// `WindowDistinct`.
    4 Distinct(DistinctPanes),
    /// `TotalCount`.
    5 Count(EventCount),
    /// `TotalSum`.
    6 Sum(Box<DecimalSum>),
    /// `LastValue`.
    7 Last(Box<LastValue>),
    /// `LatestTime`.
    8 Latest(Timestamp),
}

impl FeatureKind {
    /// The registry's tag of the state that a feature of this kind has.
    fn state_tag(&self) -> u8 {
        match self {
            FeatureKind::WindowCount(_) | FeatureKind::WindowNumericCount(..) => 0,
            FeatureKind::WindowSum(..) => 1,
            FeatureKind::WindowMin(..) => 2,
            FeatureKind::WindowMax(..) => 3,
            FeatureKind::WindowDistinct(..) => 4,
            FeatureKind::TotalCount => 5,
            FeatureKind::TotalSum(_) => 6,
            FeatureKind::LastValue(_) => 7,
            FeatureKind::LatestTime => 8,
        }
    }

    /// The greatest number of bytes that a feature of this kind takes per user; a text, an array or an object in `last`
    /// is added to it (8 KiB at most). A feature without events of the user takes nothing.
    pub fn bytes_max(&self) -> usize {
        let panes = self.window().map_or(0, |window| usize::try_from(window.panes).unwrap_or(usize::MAX));
        let heap = match self {
            FeatureKind::WindowCount(_) | FeatureKind::WindowNumericCount(..) => panes * size_of::<(i64, EventCount)>(),
            FeatureKind::WindowSum(..) | FeatureKind::WindowMin(..) | FeatureKind::WindowMax(..) => {
                panes * size_of::<(i64, DecimalSum)>()
            }
            FeatureKind::WindowDistinct(..) => DISTINCT_VALUES_MAX * DISTINCT_VALUE_BYTES,
            FeatureKind::TotalSum(_) => size_of::<DecimalSum>(),
            FeatureKind::LastValue(_) => size_of::<LastValue>(),
            FeatureKind::TotalCount | FeatureKind::LatestTime => 0,
        };
        size_of::<(FeatureId, FeatureState)>() + heap
    }
}
