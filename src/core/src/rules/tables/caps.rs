//! `[[caps]]`: how many actions a user gets at most.

use super::RulesReader;
use crate::document::TomlSection;
use crate::rules::ruleset::Cap;

/// Keys of a cap.
pub(in crate::rules) const CAP_KEYS: [&str; 3] = ["max", "per", "channel"];

impl<'t> RulesReader<'t> {
    /// Reads `[[caps]]`.
    pub(super) fn caps(&mut self, root: &TomlSection<'t>) -> Vec<Cap> {
        let mut caps = Vec::new();
        for (table, span) in root.tables("caps", &mut self.problems) {
            let section = TomlSection::open("this cap", span, table, &CAP_KEYS, &mut self.problems);
            caps.extend(self.cap(&section));
        }
        caps
    }

    fn cap(&mut self, section: &TomlSection<'t>) -> Option<Cap> {
        section.need("max", "3", &mut self.problems);
        section.need("per", "\"7d\"", &mut self.problems);
        let max = section.integer("max", 1..=i64::from(u32::MAX), &mut self.problems);
        let per = section.duration("per", &mut self.problems);
        let channel = section.string("channel", &mut self.problems);
        if let Some(channel) = &channel {
            self.check_id("channel", channel.get_ref(), &channel.span());
        }
        let channel = channel.map(|channel| (*channel.get_ref()).to_owned());
        Some(Cap { max: u32::try_from(max?).ok()?, per: per?, channel })
    }
}
