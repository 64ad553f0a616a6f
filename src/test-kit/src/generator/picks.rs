//! Choices as bytes: each picks an entry of a pool, and a choice not made picks the first.

/// Reads choices one after the other.
pub(crate) struct Picks<'a>(std::slice::Iter<'a, u8>);

impl<'a> Picks<'a> {
    pub(crate) fn new(choices: &'a [u8]) -> Picks<'a> {
        Picks(choices.iter())
    }

    /// The next choice from a pool that is not empty.
    pub(crate) fn pick<T: Copy>(&mut self, pool: &[T]) -> T {
        pool[self.index(pool.len())]
    }

    /// True for one in `odds` of the choices.
    pub(crate) fn rarely(&mut self, odds: usize) -> bool {
        self.index(odds) == odds - 1
    }

    /// The next choice as an index below `length`.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or(0)) % length
    }
}

#[test]
fn choices_run_out_into_the_first_entry() {
    let mut picks = Picks::new(&[4]);
    assert_eq!(picks.pick(&["a", "b", "c"]), "b");
    assert_eq!(picks.pick(&["a", "b", "c"]), "a");
}
