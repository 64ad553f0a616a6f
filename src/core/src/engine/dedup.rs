//! The messageIds that a user's events were accepted with, for as long as a duplicate of them would be ignored.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::encoding::{ListShape, StateReader, StateWriter};
use crate::time::{Span, Timestamp};

/// From this many on they are indexed: a bot that sends a hundred thousand events in ten minutes must not slow down
/// with each of them. Fewer are found faster by looking through them.
const INDEXED_FROM: usize = 64;

/// Hashes of messageIds with the user's clock at their acceptance.
#[derive(Clone, Debug, Default)]
pub struct DedupState {
    /// By acceptance, the earliest first.
    queue: VecDeque<DedupEntry>,
    /// What there is beside, where there are many, or visitors were merged into the user.
    many: Option<Box<DedupIndex>>,
}

/// A message's hash, and when it was accepted.
type DedupEntry = (u64, Timestamp);

/// How many are found without looking through all of them.
#[derive(Clone, Debug, Default)]
struct DedupIndex {
    /// The latest acceptance of each.
    index: HashMap<u64, Timestamp, foldhash::fast::FixedState>,
    /// What came with visitors, each like the queue. Of those two next to each other in size one is at least twice as
    /// large, so there are few, and what is merged again and again costs each message a few moves (the logarithmic method
    /// of Bentley and Saxe, *Decomposable searching problems*, 1980).
    runs: Vec<VecDeque<DedupEntry>>,
    /// How many messages were moved by merging.
    #[cfg(test)]
    moved: usize,
}

/// The division into runs has no meaning.
impl PartialEq for DedupState {
    fn eq(&self, other: &DedupState) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl DedupState {
    /// Whether the message was accepted within `window` before `now`.
    pub fn contains(&self, hash: u64, now: Timestamp, window: Span) -> bool {
        let is_recent = |accepted: Timestamp| accepted > now - window;
        match &self.many {
            Some(many) => many.index.get(&hash).is_some_and(|accepted| is_recent(*accepted)),
            None => self.queue.iter().any(|(other, accepted)| *other == hash && is_recent(*accepted)),
        }
    }

    /// Remembers a message accepted at `now`, which is no earlier than any before.
    pub fn push(&mut self, hash: u64, now: Timestamp) {
        self.queue.push_back((hash, now));
        match &mut self.many {
            Some(many) => {
                many.index.insert(hash, now);
            }
            None if self.queue.len() >= INDEXED_FROM => self.index(),
            None => {}
        }
    }

    /// Forgets what was accepted `window` or longer before `now`.
    pub fn forget(&mut self, now: Timestamp, window: Span) {
        let limit = now - window;
        match &mut self.many {
            None => {
                while self.queue.front().is_some_and(|(_, at)| *at <= limit) {
                    self.queue.pop_front();
                }
            }
            Some(many) => {
                let DedupIndex { index, runs, .. } = &mut **many;
                for run in std::iter::once(&mut self.queue).chain(runs.iter_mut()) {
                    while let Some((hash, accepted)) = run.front().copied().filter(|(_, at)| *at <= limit) {
                        run.pop_front();
                        if index.get(&hash) == Some(&accepted) {
                            index.remove(&hash);
                        }
                    }
                }
                runs.retain(|run| !run.is_empty());
            }
        }
        if self.many.is_some() && self.len() < INDEXED_FROM / 2 {
            self.queue = self.iter().collect();
            self.many = None;
        }
        if self.queue.is_empty() && self.many.is_none() {
            self.queue = VecDeque::new();
        }
    }

    /// Takes in what another user's events were accepted with: in work that grows with the smaller of the two, and with the
    /// logarithm of both.
    pub fn merge(&mut self, mut other: DedupState) {
        if self.len() < other.len() {
            std::mem::swap(self, &mut other);
        }
        if other.is_empty() {
            return;
        }
        if self.many.is_none() && self.len() + other.len() < INDEXED_FROM {
            let mut all: Vec<DedupEntry> = self.iter().chain(other.iter()).collect();
            all.sort_by_key(|(hash, accepted)| (*accepted, *hash));
            self.queue = all.into();
            return;
        }
        if self.many.is_none() {
            self.index();
        }
        let Some(many) = &mut self.many else { return };
        let theirs = other.many.map(|many| many.runs).unwrap_or_default();
        for run in theirs.into_iter().chain([other.queue]).filter(|run| !run.is_empty()) {
            for (hash, accepted) in &run {
                let latest = many.index.entry(*hash).or_insert(*accepted);
                *latest = (*latest).max(*accepted);
            }
            many.runs.push(run);
        }
        many.merge_runs();
    }

    /// Unites them with those of the same user from another reading of the log, which wins where both have a message.
    pub(crate) fn unite(&mut self, other: &DedupState) {
        if other.is_empty() || self == other {
            return;
        }
        let accepted: BTreeMap<u64, Timestamp> = self.iter().chain(other.iter()).collect();
        let mut all: Vec<DedupEntry> = accepted.into_iter().collect();
        all.sort_by_key(|(hash, accepted)| (*accepted, *hash));
        *self = all.into_iter().collect();
    }

    /// Writes the messages, in any format: each was usually accepted a little after the one before.
    pub(crate) fn write<W: StateWriter>(&self, latest: Timestamp, writer: &mut W) {
        // Usually nothing has to be sorted.
        let has_runs = self.many.as_ref().is_some_and(|many| !many.runs.is_empty());
        if !has_runs && self.queue.iter().is_sorted_by_key(|(hash, accepted)| (*accepted, *hash)) {
            DedupState::write_entries(self.queue.iter().copied(), latest, writer);
        } else {
            DedupState::write_entries(self.iter(), latest, writer);
        }
    }

    fn write_entries<W: StateWriter>(
        entries: impl ExactSizeIterator<Item = DedupEntry>,
        latest: Timestamp,
        writer: &mut W,
    ) {
        let mut previous = latest;
        writer.list("message_ids", ListShape::Records, entries, |writer, (hash, accepted)| {
            writer.record("", 2, |writer| {
                writer.hash("hash", hash);
                writer.time_near("accepted", previous, accepted);
            });
            previous = accepted;
        });
    }

    /// Reads the messages.
    pub(crate) fn read<R: StateReader>(latest: Timestamp, reader: &mut R) -> Result<DedupState, R::Error> {
        let mut previous = None;
        let messages = reader.list(ListShape::Records, "a user's messageIds", |reader| {
            reader.record(2, "a messageId")?;
            let hash = reader.hash("a messageId")?;
            let accepted = reader.time_near(previous.unwrap_or(latest), "when a messageId was accepted")?;
            let is_sound = previous.replace(accepted).is_none_or(|previous| previous <= accepted);
            reader.verify(|| is_sound, "messageIds out of order")?;
            Ok((hash, accepted))
        })?;
        Ok(messages.into_iter().collect())
    }

    fn index(&mut self) {
        // Of equal hashes the later one is inserted last.
        let index = self.queue.iter().copied().collect();
        self.many = Some(Box::new(DedupIndex { index, ..DedupIndex::default() }));
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        let merged = self.many.as_ref().map_or(0, |many| many.runs.iter().map(VecDeque::len).sum::<usize>());
        self.queue.len() + merged
    }

    /// The bytes it takes on the heap.
    pub fn heap_bytes(&self) -> usize {
        // A map's entry has its key, its value and a byte of control; 8 places hold 7 entries.
        let many = self.many.as_ref().map_or(0, |many| {
            let runs = many.runs.iter().map(|run| run.capacity() * size_of::<DedupEntry>()).sum::<usize>();
            size_of_val(&**many)
                + many.index.capacity() * 8 / 7 * 17
                + many.runs.capacity() * size_of::<VecDeque<DedupEntry>>()
                + runs
        });
        self.queue.capacity() * size_of::<DedupEntry>() + many
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.many.as_ref().is_none_or(|many| many.runs.is_empty())
    }

    /// All of them, oldest first, and of those accepted at the same instant by hash.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (u64, Timestamp)> + use<> {
        let runs = self.many.iter().flat_map(|many| &many.runs);
        let mut all: Vec<DedupEntry> = std::iter::once(&self.queue).chain(runs).flatten().copied().collect();
        all.sort_by_key(|(hash, accepted)| (*accepted, *hash));
        all.into_iter()
    }

    /// How many messages were moved by merging.
    #[cfg(test)]
    pub(crate) fn moved(&self) -> usize {
        self.many.as_ref().map_or(0, |many| many.moved)
    }
}

impl DedupIndex {
    /// Unites runs until of any two next to each other in size one is at least twice as large.
    fn merge_runs(&mut self) {
        self.runs.sort_by_key(|run| std::cmp::Reverse(run.len()));
        while let Some(at) = self.runs.windows(2).rposition(|pair| pair[0].len() < 2 * pair[1].len()) {
            let (small, large) = (self.runs.remove(at + 1), self.runs.remove(at));
            self.merge(large, small);
        }
    }

    /// Puts two runs in one, in its place by size.
    fn merge(&mut self, mut large: VecDeque<DedupEntry>, mut small: VecDeque<DedupEntry>) {
        #[cfg(test)]
        {
            self.moved += large.len() + small.len();
        }
        let mut merged = VecDeque::with_capacity(large.len() + small.len());
        while let (Some((_, a)), Some((_, b))) = (large.front(), small.front()) {
            merged.extend(if a <= b { large.pop_front() } else { small.pop_front() });
        }
        merged.append(&mut large);
        merged.append(&mut small);
        let at = self.runs.partition_point(|run| run.len() > merged.len());
        self.runs.insert(at, merged);
    }
}

/// Messages, oldest first.
impl FromIterator<(u64, Timestamp)> for DedupState {
    fn from_iter<I: IntoIterator<Item = (u64, Timestamp)>>(messages: I) -> DedupState {
        let mut seen = DedupState { queue: messages.into_iter().collect(), many: None };
        if seen.queue.len() >= INDEXED_FROM {
            seen.index();
        }
        seen
    }
}
