//! A pipeline that reads the log's past under other rules, before they take effect: it decides nothing, and its outputs are
//! nobody's. [`Pipeline::change_rules_to`] takes it.

use super::{InputEntry, Pipeline};
use rekindle_core::checkpoint::KnownPast;
use rekindle_core::identity::LinksSnapshot;
use rekindle_core::partition::Partition;
use rekindle_core::time::Timestamp;

impl Pipeline {
    /// From here on nothing triggers a campaign.
    pub fn decide_nothing(&mut self) {
        self.partitions.iter_mut().for_each(Partition::decide_nothing);
    }

    /// It reads the log from the first record that there ever was.
    pub fn know_whole_log(&mut self) {
        self.known = KnownPast::whole();
        self.reads_whole_log = true;
    }

    /// Begins with these links: they were made before the first record that is left of the log.
    pub fn assume_links(&mut self, links: &LinksSnapshot) {
        for (visitor, user) in links.iter() {
            self.links.insert(visitor, user);
        }
    }

    /// Whether it is known when the first record was received that was read; older checkpoints do not say it.
    pub fn knows_beginning(&self) -> bool {
        self.known.began.is_some()
    }

    /// All links as they are now, which costs little.
    pub fn links_now(&self) -> LinksSnapshot {
        self.links.all()
    }

    /// Notes when the first record was received that is read.
    pub(super) fn note_beginning(&mut self, entries: &[InputEntry<'_>]) {
        let is_first = self.latest_read == Timestamp::MIN && self.position == 0 && !self.reads_whole_log;
        if is_first && self.known.began.is_none() {
            self.known.began = entries.iter().find_map(InputEntry::time);
        }
    }
}
