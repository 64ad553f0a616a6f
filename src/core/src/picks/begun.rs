//! Which sessions began last, anyone's: those of users who are gone by now count too, though no index has them.

use super::sessions::SessionNumber;

/// How many sessions an index looks at: those that began last.
pub(super) const SESSIONS_MAX: usize = 10_000_000;

/// The numbers of the sessions that began last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BegunSessions {
    /// Ascending, but for those that came since it was last brought in order.
    numbers: Vec<SessionNumber>,
    most: usize,
}

impl Default for BegunSessions {
    fn default() -> BegunSessions {
        BegunSessions::with_room(SESSIONS_MAX)
    }
}

impl BegunSessions {
    /// None yet, of at most a number of them.
    pub(super) fn with_room(most: usize) -> BegunSessions {
        BegunSessions { numbers: Vec::new(), most }
    }

    /// Adds sessions, in any order.
    pub fn extend(&mut self, numbers: impl IntoIterator<Item = SessionNumber>) {
        for number in numbers {
            self.numbers.push(number);
            // Half as many again: each time that it is brought in order, many are forgotten.
            if self.numbers.len() > self.most + self.most / 2 {
                self.settle();
            }
        }
    }

    /// The first session that counts: an index has none before it.
    pub fn first(&mut self) -> SessionNumber {
        self.settle();
        match self.numbers.len() < self.most {
            true => SessionNumber(0),
            false => self.numbers[0],
        }
    }

    /// The sessions, ascending.
    pub fn numbers(&self) -> Vec<SessionNumber> {
        let mut settled = self.clone();
        settled.settle();
        settled.numbers
    }

    /// The bytes it takes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.numbers.capacity() * size_of::<SessionNumber>()
    }

    fn settle(&mut self) {
        if !self.numbers.is_sorted() {
            self.numbers.sort_unstable();
        }
        let surplus = self.numbers.len().saturating_sub(self.most);
        self.numbers.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(numbers: &[u64]) -> Vec<SessionNumber> {
        numbers.iter().copied().map(SessionNumber).collect()
    }

    #[test]
    fn the_first_that_counts_is_the_last_but_so_many() {
        let mut begun = BegunSessions::with_room(3);
        begun.extend(numbers(&[4, 2]));
        assert_eq!(begun.first(), SessionNumber(0));
        begun.extend(numbers(&[9]));
        assert_eq!(begun.first(), SessionNumber(2));
        begun.extend(numbers(&[7, 11, 5]));
        assert_eq!(begun.first(), SessionNumber(7));
        assert_eq!(begun.numbers(), numbers(&[7, 9, 11]));
    }

    #[test]
    fn however_many_come_no_more_than_half_again_are_kept() {
        let mut begun = BegunSessions::with_room(100);
        begun.extend((0..10_000).rev().map(SessionNumber));
        assert!(begun.heap_bytes() <= 256 * size_of::<SessionNumber>(), "{} bytes", begun.heap_bytes());
        assert_eq!(begun.first(), SessionNumber(9_900));
    }
}
