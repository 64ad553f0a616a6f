//! `[[picks]]`: what to offer (semantics §20).

use std::collections::HashMap;

use strum::VariantNames as _;
use toml::Spanned;

use super::{RulesReader, condition_in};
use crate::diagnostics::{join_quoted, shorten};
use crate::document::TomlSection;
use crate::event::FieldId;
use crate::features::SlidingWindow;
use crate::rules::compiler::ConditionContext;
use crate::rules::ruleset::{
    ColumnId, Condition, NameId, PickColumn, PickKind, PickList, PickListId, PickSource, TableId,
};
use crate::time::Span;

/// Keys of an entry of `[[picks]]`.
pub(in crate::rules) const PICKS_KEYS: [&str; 17] = [
    "id",
    "on",
    "item",
    "kind",
    "kinds",
    "every",
    "window",
    "gap",
    "table",
    "where",
    "by",
    "without",
    "last",
    "near",
    "sessions",
    "own",
    "description",
];

/// The most lists of a rules file. Each keeps touches and sessions of its own.
const LISTS_MAX: usize = 32;

/// The most columns by whose values items are alike.
const COLUMNS_MAX: usize = 8;

/// The most items of a user, sessions of an item, and sessions that are looked at.
const SIZE_MAX: i64 = 10_000;

impl<'t> RulesReader<'t> {
    /// Reads `[[picks]]`. The names of events are known.
    pub(super) fn picks(&mut self, root: &TomlSection<'t>) -> Vec<PickList> {
        let tables = root.tables("picks", &mut self.problems);
        if let Some((_, span)) = tables.get(LISTS_MAX) {
            self.problems.add(span, format!("there are more than {LISTS_MAX} lists of picks"), "");
            return Vec::new();
        }
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut lists = Vec::with_capacity(tables.len());
        for (table, span) in tables {
            let mut section = TomlSection::open("these picks", span, table, &PICKS_KEYS, &mut self.problems);
            let id = section.needed_string("id", "\"for_you\"", &mut self.problems);
            if let Some(id) = &id {
                section.title = format!("picks `{}`", id.get_ref());
                self.check_id("id of picks", id.get_ref(), &id.span());
                if let Some(first) = places.get(id.get_ref()) {
                    let line = self.problems.line_of(*first);
                    let help = format!("they are already defined on line {line}; give one of them another id");
                    self.problems.add(&id.span(), format!("picks `{}` are defined twice", id.get_ref()), help);
                } else {
                    places.insert(*id.get_ref(), id.span().start);
                }
            }
            let id = id.map(|id| *id.get_ref()).unwrap_or_default();
            lists.extend(self.pick_list(&section, id));
            self.symbols.pick_order.push(id.to_owned());
        }
        lists
    }

    /// Every key is read before the first missing one ends it, so that all mistakes are found.
    fn pick_list(&mut self, section: &TomlSection<'t>, id: &str) -> Option<PickList> {
        section.need("on", "[\"view\"]", &mut self.problems);
        let on = self.touched_names(section, "on");
        let without = match section.get("without") {
            Some(_) => self.touched_names(section, "without"),
            None => Some(Vec::new()),
        };
        let item = self.item_fields(section);
        let (table, filter) = self.item_filter(section);
        let sources = self.sources(section);
        let by = self.alike_columns(section, table, sources.as_deref());
        let every = self.interval(section);
        let problems = &mut self.problems;
        let window = section.duration("window", problems).unwrap_or(PickList::WINDOW);
        let gap = Self::session_gap(section, problems);
        let [last, near, sessions, own] = PickList::SIZES;
        let mut size = |key, most: i64, default| {
            let size = section.integer(key, 1..=most, problems);
            size.and_then(|size| usize::try_from(size).ok()).unwrap_or(default)
        };
        let (last, near) = (size("last", 9, last), size("near", SIZE_MAX, near));
        let (sessions, own) = (size("sessions", SIZE_MAX, sessions), size("own", SIZE_MAX, own));
        let description = section.string("description", &mut self.problems).map(|text| (*text.get_ref()).to_owned());
        let (item, item_fields) = item?;
        Some(PickList {
            id: id.to_owned(),
            description: description.unwrap_or_default(),
            on: on?,
            without: without?,
            item,
            item_fields,
            sources: sources?,
            table,
            filter,
            by: by?,
            every: every?,
            window: SlidingWindow::new(window),
            gap: gap?,
            last,
            near,
            sessions,
            own,
        })
    }

    /// The names of `on` or `without`.
    fn touched_names(&mut self, section: &TomlSection<'t>, key: &'static str) -> Option<Vec<NameId>> {
        let place = section.get(key)?.span();
        let listed = section.strings(key, &mut self.problems)?;
        if listed.is_empty() && key == "on" {
            self.problems.add(&place, "nothing would ever be offered", "name events: on = [\"view\", \"order\"]");
        }
        let mut names = Vec::with_capacity(listed.len());
        for name in &listed {
            let id = *name.get_ref();
            let Some(found) = self.symbols.names.get(id).copied() else {
                let help = self.problems.suggest(id, self.symbols.name_order.iter().map(String::as_str), "events");
                self.problems.add_missing(&name.span(), format!("there is no event {} in [events]", shorten(id)), help);
                continue;
            };
            if names.contains(&found) {
                self.problems.add(&name.span(), format!("`{id}` is listed twice"), "name each event once");
                continue;
            }
            names.push(found);
        }
        Some(names)
    }

    /// `table`, and `where`, which asks its rows.
    fn item_filter(&mut self, section: &TomlSection<'t>) -> (Option<TableId>, Option<Condition>) {
        let table = self.row_table_of(section);
        let Some(text) = section.string("where", &mut self.problems) else { return (table, None) };
        if section.get("table").is_none() {
            let help = "add `table`: table = \"products\"";
            self.problems.add(&text.span(), "`where` asks the rows of a table, and these picks name none", help);
        }
        let Some(table) = table else { return (None, None) };
        let context = ConditionContext::OfItem(table);
        (Some(table), condition_in(self.file, &text, context, &mut self.symbols, &mut self.problems))
    }

    /// `by`, which `similar` needs, and nothing else asks.
    fn alike_columns(
        &mut self,
        section: &TomlSection<'t>,
        table: Option<TableId>,
        sources: Option<&[PickSource]>,
    ) -> Option<Vec<PickColumn>> {
        let is_needed = sources?.contains(&PickSource::Kind(PickKind::Similar));
        let Some(place) = section.get("by").map(|by| by.span()) else {
            if is_needed {
                let help = "add by = [\"category\", \"brand\"]: columns of the table";
                self.problems.add_missing(
                    &section.place(),
                    format!("{} needs `by` for `similar`", section.title),
                    help,
                );
                return None;
            }
            return Some(Vec::new());
        };
        let listed = section.strings("by", &mut self.problems)?;
        let problem = match table {
            _ if section.get("table").is_none() => {
                Some(("`by` asks the rows of a table, and these picks name none", "add `table`: table = \"products\""))
            }
            _ if !is_needed => Some(("only the kind `similar` asks `by`", "add \"similar\" to `kinds`")),
            _ if listed.is_empty() => Some(("nothing would ever be offered", "name columns: by = [\"category\"]")),
            _ if listed.len() > COLUMNS_MAX => Some(("there are more than 8 columns", "keep those that say most")),
            _ => None,
        };
        if let Some((message, help)) = problem {
            self.problems.add(&place, message, help);
            return None;
        }
        let shape = &self.symbols.tables[usize::from(table?.0)];
        let mut columns: Vec<PickColumn> = Vec::with_capacity(listed.len());
        for text in &listed {
            let name = *text.get_ref();
            if columns.iter().any(|known| known.name == name) {
                self.problems.add(&text.span(), format!("`{name}` is listed twice"), "name each column once");
                continue;
            }
            let Some(place) = shape.columns.iter().position(|kept| kept == name) else {
                let help = match self.problems.nearest(name, shape.columns.iter().map(String::as_str)) {
                    Some(known) => format!("did you mean `{known}`?"),
                    None => "add it to `keep` of the table".to_owned(),
                };
                let message = format!("[tables.{}] does not keep {}", shape.id, shorten(name));
                self.problems.add_missing(&text.span(), message, help);
                continue;
            };
            columns.push(PickColumn { column: ColumnId(u16::try_from(place).ok()?), name: name.to_owned() });
        }
        Some(columns)
    }

    fn item_fields(&mut self, section: &TomlSection<'t>) -> Option<(String, Vec<FieldId>)> {
        let item = section.needed_string("item", "\"product_id\"", &mut self.problems)?;
        let path: Vec<String> = item.get_ref().split('.').map(str::to_owned).collect();
        if path.iter().any(String::is_empty) || path[0] == "properties" {
            let help = "write the path below the properties: item = \"product_id\"";
            self.problems.add(&item.span(), "`item` names a property of the matches", help);
            return None;
        }
        let names = self.symbols.name_order.clone();
        let fields: Result<Vec<FieldId>, _> =
            (0..).map(NameId).zip(&names).map(|(name, event)| self.symbols.value_field(name, event, &path)).collect();
        match fields {
            Ok(fields) => Some((path.join("."), fields)),
            Err(_) => {
                self.problems.add(&item.span(), "these rules read more than 65,536 different properties", "");
                None
            }
        }
    }

    /// `kinds`, or the one of `kind`.
    fn sources(&mut self, section: &TomlSection<'t>) -> Option<Vec<PickSource>> {
        let listed = match (section.get("kind"), section.get("kinds")) {
            (Some(kind), Some(_)) => {
                let help = "keep `kinds`, with all of them";
                self.problems.add(&kind.span(), "`kind` and `kinds` say the same thing", help);
                return None;
            }
            (Some(_), None) => vec![section.string("kind", &mut self.problems)?],
            (None, Some(kinds)) => {
                let listed = section.strings("kinds", &mut self.problems)?;
                if listed.is_empty() {
                    let help = "name them: kinds = [\"session\", \"popular\"]";
                    self.problems.add(&kinds.span(), "nothing would ever be offered", help);
                }
                listed
            }
            (None, None) => {
                section.need("kinds", "[\"session\", \"popular\"]", &mut self.problems);
                return None;
            }
        };
        let sources: Vec<Option<PickSource>> = listed.iter().map(|source| self.source(source)).collect();
        sources.into_iter().collect()
    }

    /// A kind, or a list above.
    fn source(&mut self, source: &Spanned<&'t str>) -> Option<PickSource> {
        let text = *source.get_ref();
        if let Ok(kind) = text.parse::<PickKind>() {
            return Some(PickSource::Kind(kind));
        }
        let above = &self.symbols.pick_order;
        if let Some(place) = above.iter().position(|id| *id == text) {
            return u16::try_from(place).ok().map(|place| PickSource::List(PickListId(place)));
        }
        let known = PickKind::VARIANTS.iter().copied().chain(above.iter().map(String::as_str));
        let help = match self.problems.nearest(text, known) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("the kinds are {}; or name picks above", join_quoted(PickKind::VARIANTS)),
        };
        self.problems.add(
            &source.span(),
            format!("there is no kind of picks, and none above, {}", shorten(text)),
            help,
        );
        None
    }

    /// The gap, which may be none at all: then every event is a session.
    fn session_gap(section: &TomlSection<'t>, problems: &mut crate::diagnostics::Diagnostics<'t>) -> Option<Span> {
        let is_zero = section.get("gap").and_then(|gap| gap.get_ref().as_str()) == Some("0s");
        match section.get("gap") {
            None => Some(PickList::GAP),
            Some(_) if is_zero => Some(Span(0)),
            Some(_) => section.duration("gap", problems),
        }
    }
}
