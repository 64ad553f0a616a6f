//! What the state of a feature can do by itself, whatever function it belongs to.

use super::clock::FeatureClock;
use super::sought_texts::SoughtTexts;
use super::window::Window;
use crate::encoding::{StateReader, StateWriter};

/// The state of a feature for one user.
pub(crate) trait StoredFeature: Sized {
    /// The state before the first event.
    fn empty() -> Self;

    /// Drops what has left the window; false when nothing is left.
    fn expire(&mut self, _window: &Window, _clock: FeatureClock<'_>) -> bool {
        true
    }

    /// Forgets a text that an event had, wherever it is kept; false when nothing is left.
    fn forget_text(&mut self, _text: &str) -> bool {
        true
    }

    /// Whether it keeps one of these texts that an event had, or its hash.
    fn has_any_text(&self, _texts: &SoughtTexts<'_>) -> bool {
        false
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
    fn empty() -> Self {
        Box::new(S::empty())
    }

    fn expire(&mut self, window: &Window, clock: FeatureClock<'_>) -> bool {
        (**self).expire(window, clock)
    }

    fn forget_text(&mut self, text: &str) -> bool {
        (**self).forget_text(text)
    }

    fn has_any_text(&self, texts: &SoughtTexts<'_>) -> bool {
        (**self).has_any_text(texts)
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
