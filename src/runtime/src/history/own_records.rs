//! Which records must be read to tell what happened to one user: those with the user's id, and those of the visitors who became
//! the user.
//!
//! A visitor is linked by the first event with its id and a `userId`, for good (semantics §2). So of a visitor that occurs
//! beside the user only that one record is read; if it names the user, all of the visitor's are. Where links can end, because
//! users were forgotten or expire, all ids that ever occurred together are read with all of their records.
//!
//! Who has the records asks [`wanted`](OwnRecords::wanted) until nothing more is, and hands each in.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use bytes::Bytes;

use super::HistoryError;
use super::entry::IndexEntry;
use super::scan::{CallIds, LogScanner, ScannedRecord};
use crate::log::RecordKind;
use crate::pipeline::PipelineOptions;
use rekindle_core::time::Timestamp;

/// The most records of one user's history.
const RECORDS_MAX: usize = 1_000_000;
/// The most bytes of one user's history.
const BYTES_MAX: usize = 512 << 20;
/// The most ids that are examined.
const IDS_MAX: usize = 100_000;

/// Where a record is: in which file, and at which byte; or its sequence in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordPlace(pub u64);

/// A record of a user's history.
#[derive(Clone, Debug)]
pub struct HistoryRecord {
    /// Its kind.
    pub kind: RecordKind,
    /// Its lines: one of a file, all of a message.
    pub lines: Bytes,
    /// When the broker received it; `None`: it is a line of a file.
    pub received: Option<Timestamp>,
}

/// The records of one user, as they are found.
pub struct OwnRecords {
    scanner: LogScanner,
    /// Later events are rejected, and link nobody.
    until: Option<Timestamp>,
    /// Links can end.
    links_end: bool,
    /// Ids whose records are all wanted.
    included: HashSet<String>,
    /// Those of them whose entries were not looked up yet.
    new: Vec<String>,
    /// Users and the visitors that occur beside them.
    beside: BTreeSet<(String, String)>,
    /// Visitors, and what is known of their links.
    visitors: HashMap<String, FirstLink>,
    wanted: BTreeMap<RecordPlace, WantedRecord>,
    records: BTreeMap<RecordPlace, (HistoryRecord, Vec<CallIds>)>,
    /// Wanted records that can't be handed in.
    gone: HashSet<RecordPlace>,
    /// How many of them were removed from it.
    removed: usize,
    bytes: usize,
}

/// What the index says of a wanted record.
#[derive(Clone, Copy)]
struct WantedRecord {
    /// The greatest time read before it.
    latest_read: Timestamp,
    /// A call has two ids.
    links: bool,
}

/// What is known of a visitor's link.
enum FirstLink {
    /// It is in one of these records, the first of which that has one.
    In(std::vec::IntoIter<IndexEntry>, RecordPlace),
    /// It leads to this user; `None`: there is none.
    To(Option<String>),
}

impl OwnRecords {
    /// The records of a user; `links_end`: there are requests to forget users in the log, or users expire.
    pub fn new(user: &str, options: &PipelineOptions, until: Option<Timestamp>, links_end: bool) -> OwnRecords {
        OwnRecords {
            scanner: LogScanner::new(options, Timestamp::MIN),
            until,
            links_end: links_end || options.state_ttl.is_some(),
            included: [user.to_owned()].into(),
            new: vec![user.to_owned()],
            beside: BTreeSet::new(),
            visitors: HashMap::new(),
            wanted: BTreeMap::new(),
            records: BTreeMap::new(),
            gone: HashSet::new(),
            removed: 0,
            bytes: 0,
        }
    }

    /// The records that must be handed in next, in their order; none: all are there. `entries_of` looks an id up.
    pub(super) fn wanted(
        &mut self,
        entries_of: &mut dyn FnMut(&str) -> Result<Vec<IndexEntry>, HistoryError>,
    ) -> Result<Vec<RecordPlace>, HistoryError> {
        loop {
            for id in std::mem::take(&mut self.new) {
                for entry in entries_of(&id)? {
                    self.want(&entry);
                }
            }
            if self.wanted.len() > RECORDS_MAX || self.included.len() + self.visitors.len() > IDS_MAX {
                return Err(HistoryError::NotAlone { why: "the user, with all linked visitors, has too many events" });
            }
            let missing: Vec<RecordPlace> =
                self.wanted.keys().filter(|place| !self.records.contains_key(place)).copied().collect();
            if !missing.is_empty() {
                return Ok(missing);
            }
            let before = self.wanted.len();
            match self.links_end {
                true => self.include_all_beside(),
                false => self.follow_links(entries_of)?,
            }
            if self.new.is_empty() && self.wanted.len() == before {
                return Ok(Vec::new());
            }
        }
    }

    /// Hands in a record that is wanted.
    ///
    /// # Errors
    /// There are more bytes than fit in memory.
    pub fn add(&mut self, place: RecordPlace, record: HistoryRecord) -> Result<(), HistoryError> {
        // Where no call has two ids, only the ids are asked for, and they are known.
        let links = self.wanted.get(&place).is_none_or(|wanted| wanted.links);
        let calls = if links { self.read_calls(&record) } else { Vec::new() };
        self.bytes += record.lines.len() + size_of::<HistoryRecord>();
        if self.bytes > BYTES_MAX {
            return Err(HistoryError::NotAlone {
                why: "the user, with all linked visitors, has too many bytes of events",
            });
        }
        self.records.insert(place, (record, calls));
        Ok(())
    }

    /// A wanted record is not in the log any more.
    pub fn add_removed(&mut self, place: RecordPlace) {
        self.removed += 1;
        self.add_later(place);
    }

    /// A wanted record is from after the time that is asked about.
    pub fn add_later(&mut self, place: RecordPlace) {
        self.wanted.remove(&place);
        self.gone.insert(place);
    }

    /// How many wanted records are not in the log any more.
    pub fn removed(&self) -> usize {
        self.removed
    }

    /// All of them in the order of the log, each with the greatest time read before it.
    pub fn into_records(self) -> impl Iterator<Item = (RecordPlace, Timestamp, HistoryRecord)> {
        let wanted = self.wanted;
        self.records
            .into_iter()
            .filter_map(move |(place, (record, _))| Some((place, wanted.get(&place)?.latest_read, record)))
    }

    /// The greatest times read before the records, to be corrected.
    pub(super) fn times(&mut self) -> impl Iterator<Item = (RecordPlace, &mut Timestamp)> {
        self.wanted.iter_mut().map(|(place, wanted)| (*place, &mut wanted.latest_read))
    }

    /// The calls of a record; visitors occur beside users in them.
    fn read_calls(&mut self, HistoryRecord { kind, lines, received }: &HistoryRecord) -> Vec<CallIds> {
        let calls = self.scanner.calls(ScannedRecord { kind: *kind, lines, received: *received });
        for call in &calls {
            if let (Some(user), Some(visitor)) = (&call.user, &call.anonymous)
                && user != visitor
            {
                self.beside.insert((user.clone(), visitor.clone()));
            }
        }
        calls
    }

    fn want(&mut self, entry: &IndexEntry) {
        let place = RecordPlace(entry.place);
        if self.gone.contains(&place) {
            return;
        }
        let wanted = WantedRecord { latest_read: entry.latest_read, links: false };
        let wanted = self.wanted.entry(place).or_insert(wanted);
        if entry.links && !wanted.links {
            wanted.links = true;
            // It was handed in for an id that stands alone in it, and the call of this one has two.
            if let Some((record, _)) = self.records.remove(&place) {
                let calls = self.read_calls(&record);
                self.records.insert(place, (record, calls));
            }
        }
    }

    fn include(&mut self, id: &str) {
        if self.included.insert(id.to_owned()) {
            self.new.push(id.to_owned());
        }
    }

    fn include_all_beside(&mut self) {
        for (user, visitor) in self.beside.clone() {
            if self.included.contains(&user) || self.included.contains(&visitor) {
                self.include(&user);
                self.include(&visitor);
            }
        }
    }

    fn follow_links(
        &mut self,
        entries_of: &mut dyn FnMut(&str) -> Result<Vec<IndexEntry>, HistoryError>,
    ) -> Result<(), HistoryError> {
        for (user, visitor) in self.beside.clone() {
            if !self.included.contains(&user) || self.included.contains(&visitor) {
                continue;
            }
            let link = match self.visitors.remove(&visitor) {
                Some(link) => link,
                None => {
                    let entries: Vec<IndexEntry> =
                        entries_of(&visitor)?.into_iter().filter(|entry| entry.links).collect();
                    self.next_place(entries.into_iter())
                }
            };
            let link = self.resolved(&visitor, link);
            if matches!(&link, FirstLink::To(Some(to)) if self.included.contains(to)) {
                self.include(&visitor);
            }
            self.visitors.insert(visitor, link);
        }
        Ok(())
    }

    /// Goes through the records that are there.
    fn resolved(&mut self, visitor: &str, mut link: FirstLink) -> FirstLink {
        while let FirstLink::In(rest, place) = link {
            if self.gone.contains(&place) {
                link = self.next_place(rest);
                continue;
            }
            let Some((_, calls)) = self.records.get(&place) else { return FirstLink::In(rest, place) };
            let is_accepted = |at: Timestamp| self.until.is_none_or(|until| at <= until);
            let mut links =
                calls.iter().filter(|call| call.anonymous.as_deref() == Some(visitor) && is_accepted(call.at));
            link = match links.find_map(|call| call.user.clone()) {
                Some(user) => FirstLink::To(Some(user)),
                None => self.next_place(rest),
            };
        }
        link
    }

    fn next_place(&mut self, mut entries: std::vec::IntoIter<IndexEntry>) -> FirstLink {
        let Some(next) = entries.next() else { return FirstLink::To(None) };
        self.want(&next);
        FirstLink::In(entries, RecordPlace(next.place))
    }
}
