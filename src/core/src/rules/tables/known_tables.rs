//! Tables with ids of their own, `[per.cart]`, which keys of others name.

use crate::diagnostics::Diagnostics;
use crate::document::TomlSection;

/// The tables of one kind in a rules file.
pub(super) struct KnownTables<'k> {
    /// `per`.
    pub(super) name: &'static str,
    /// The ids, in file order.
    pub(super) ids: &'k [String],
    /// What several of them are called.
    pub(super) plural: &'static str,
    /// How one is defined.
    pub(super) example: &'static str,
}

impl KnownTables<'_> {
    /// The number of the one that a key of a section names; `None`: there is no such key, or a mistake in it, which is reported.
    pub(super) fn find(&self, section: &TomlSection<'_>, key: &str, problems: &mut Diagnostics<'_>) -> Option<u16> {
        let text = section.string(key, problems)?;
        let found = self.ids.iter().position(|id| id == text.get_ref());
        if found.is_none() {
            let help = match self.ids.is_empty() {
                true => format!("define it: {}", self.example),
                false => problems.suggest(text.get_ref(), self.ids.iter().map(String::as_str), self.plural),
            };
            problems.add_missing(&text.span(), format!("there is no [{}.{}]", self.name, text.get_ref()), help);
        }
        found.and_then(|index| u16::try_from(index).ok())
    }
}
