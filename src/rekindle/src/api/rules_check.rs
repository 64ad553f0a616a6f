//! Help for an editor of rules: the mistakes of a text at their places, the names that may be written, and the reference.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::params::JsonBody;
use super::problem::ProblemDocument;
use super::routes::ApiServices;
use rekindle_core::diagnostics::{self, Diagnostic};
use rekindle_core::rules::{self, reference};
use rekindle_runtime::live::EngineStats;

/// The text of rules.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RulesText)]
#[schema(example = json!({"text": "[events]\nview = \"Product Viewed\"\n"}))]
pub(super) struct RulesCheckRequest {
    /// As it would stand in the rules file.
    text: String,
}

/// What is to be said of a text.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RulesCheck)]
#[schema(example = json!({
    "diagnostics": [{
        "severity": "error", "line": 6, "column": 9, "end_line": 6, "end_column": 13, "message": "there is no function `totl`",
        "help": "did you mean `total`?"
    }],
    "names": {
        "events": ["view"], "segments": ["seen"], "campaigns": [], "per": [], "ledgers": [], "budgets": [], "models": [], "goals": [],
        "channels": [], "traits": ["plan"], "properties": {"view": ["price"]}, "log_events": ["Product Viewed"]
    }
}))]
pub(super) struct RulesCheckResponse {
    /// Every mistake, by place; none: these rules could be used.
    diagnostics: Vec<DiagnosticEntry>,
    /// What can be named in such a text.
    names: RulesNames,
}

/// A mistake.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Diagnostic)]
pub(super) struct DiagnosticEntry {
    /// `error`: such rules are refused.
    severity: &'static str,
    /// Where it begins, from 1.
    line: usize,
    /// In characters, from 1.
    column: usize,
    /// Where it ends.
    end_line: usize,
    /// The column behind its last character.
    end_column: usize,
    /// What is wrong.
    message: String,
    /// What to do about it; may be empty.
    help: String,
}

/// Names for completion: those that the text defines or reads, whether or not it is right, and those that occur in the log.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = RulesNames)]
pub(super) struct RulesNames {
    events: Vec<String>,
    segments: Vec<String>,
    campaigns: Vec<String>,
    /// Of `[per.K]`.
    per: Vec<String>,
    ledgers: Vec<String>,
    budgets: Vec<String>,
    models: Vec<String>,
    goals: Vec<String>,
    channels: Vec<String>,
    traits: BTreeSet<String>,
    /// By name of `[events]`.
    properties: BTreeMap<String, BTreeSet<String>>,
    /// What sites send.
    log_events: Vec<String>,
}

impl DiagnosticEntry {
    pub(super) fn new(text: &str, problem: &Diagnostic) -> DiagnosticEntry {
        let (line, column) = diagnostics::position(text, problem.span.start);
        let (end_line, end_column) = diagnostics::position(text, problem.span.end.max(problem.span.start));
        let (message, help) = (problem.message.clone(), problem.help.clone());
        DiagnosticEntry { severity: "error", line, column, end_line, end_column, message, help }
    }
}

impl RulesNames {
    fn of(text: &str, stats: &EngineStats) -> RulesNames {
        let known = &stats.plan.rules;
        let document: toml::Table = toml::from_str(text).unwrap_or_default();
        let keys = |table: &str| {
            let table = document.get(table).and_then(toml::Value::as_table);
            table.into_iter().flat_map(toml::Table::keys).cloned().collect::<Vec<_>>()
        };
        let of_each = |list: &str, key: &str| {
            let list = document.get(list).and_then(toml::Value::as_array).into_iter().flatten();
            let values = list.filter_map(|one| one.get(key).and_then(toml::Value::as_str));
            values.map(str::to_owned).collect::<Vec<_>>()
        };
        let mut names = RulesNames {
            events: keys("events"),
            segments: of_each("segments", "id"),
            campaigns: of_each("campaigns", "id"),
            per: keys("per"),
            ledgers: of_each("ledgers", "id"),
            budgets: of_each("budgets", "id"),
            models: of_each("models", "id"),
            goals: of_each("goals", "id"),
            channels: of_each("campaigns", "channel"),
            log_events: stats.totals.seen.tracked().map(str::to_owned).collect(),
            ..RulesNames::default()
        };
        // While somebody types, a text may be no TOML for a moment.
        if document.is_empty() {
            names.events = known.names.iter().map(|name| name.id.clone()).collect();
            names.segments = known.segments.iter().map(|segment| segment.id.clone()).collect();
            names.campaigns = known.campaigns.iter().map(|campaign| campaign.id.clone()).collect();
            names.channels = known.campaigns.iter().map(|campaign| campaign.channel.clone()).collect();
        }
        names.channels.sort();
        names.channels.dedup();
        names.traits = known.projection.traits.iter().map(|path| path.join(".")).collect();
        names.traits.extend(members(text, "traits"));
        for event in &names.events {
            names.properties.insert(event.clone(), members(text, event).collect());
        }
        names
    }
}

/// What stands behind `NAME.` in a text.
fn members<'t>(text: &'t str, name: &str) -> impl Iterator<Item = String> + use<'t> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let dotted = format!("{name}.");
    let places: Vec<usize> = text.match_indices(&dotted).map(|(at, _)| at).collect();
    let length = dotted.len();
    places.into_iter().filter_map(move |at| {
        let begins = !text[..at].ends_with(|c: char| is_part(c) || c == '.');
        let rest = &text[at + length..];
        let member = &rest[..rest.find(|c: char| !is_part(c)).unwrap_or(rest.len())];
        (begins && !member.is_empty()).then(|| member.to_owned())
    })
}

/// Check a text of rules
///
/// The same mistakes as `rekindle check` finds, at their places. Nothing changes.
#[utoipa::path(post, path = "/v1/rules/check", tag = "rules", request_body = RulesCheckRequest, responses(
    (status = 200, description = "What is wrong, and what can be named", body = RulesCheckResponse),
    (status = 400, description = "The body is no such document", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 415, description = "The body is not said to be JSON", body = ProblemDocument, content_type = "application/problem+json")
))]
pub(super) async fn check(
    State(services): State<Arc<ApiServices>>,
    JsonBody(RulesCheckRequest { text }): JsonBody<RulesCheckRequest>,
) -> Result<Json<RulesCheckResponse>, ProblemDocument> {
    // A long text with many mistakes takes a while.
    let checked = tokio::task::spawn_blocking(move || {
        let problems = rules::compile(&text).err().unwrap_or_default();
        let shown = problems.iter().take(diagnostics::SHOWN_MAX);
        RulesCheckResponse {
            diagnostics: shown.map(|problem| DiagnosticEntry::new(&text, problem)).collect(),
            names: RulesNames::of(&text, &services.live.stats()),
        }
    });
    let failed =
        |_| ProblemDocument::new(axum::http::StatusCode::INTERNAL_SERVER_ERROR, "the text could not be checked");
    checked.await.map(Json).map_err(failed)
}

/// The reference of the rules language.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RulesReference)]
pub(super) struct RulesReferenceResponse {
    /// What a condition can use, in the order of the reference.
    functions: Vec<ReferenceFunction>,
    /// The keys of each heading.
    tables: Vec<ReferenceTable>,
    /// The whole reference, in Markdown.
    markdown: &'static str,
}

/// A function, or another form that a condition can use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ReferenceFunction)]
pub(super) struct ReferenceFunction {
    /// `count`.
    name: String,
    /// `count(E, W)`.
    form: String,
    /// What it is.
    text: String,
}

/// The keys of a heading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ReferenceTable)]
pub(super) struct ReferenceTable {
    /// `[[segments]]`, or the words of the reference.
    heading: String,
    /// What may stand below it.
    keys: Vec<ReferenceKey>,
}

/// A key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ReferenceKey)]
pub(super) struct ReferenceKey {
    /// `when`.
    key: String,
    /// What it means.
    text: String,
    /// What holds without it; null: the reference does not say.
    default: Option<String>,
}

/// A row of a table of the reference: the forms in its first cell, and the other cells.
struct ReferenceRow<'t> {
    forms: Vec<&'t str>,
    text: &'t str,
    default: Option<&'t str>,
}

impl<'t> ReferenceRow<'t> {
    fn of(line: &'t str) -> Option<ReferenceRow<'t>> {
        let cells: Vec<&str> = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").map(str::trim).collect();
        let (first, rest) = cells.split_first()?;
        let forms = first.split('`').skip(1).step_by(2).collect();
        let (text, default) = (rest.first()?, rest.get(1).copied());
        first.starts_with('`').then_some(ReferenceRow { forms, text, default })
    }
}

static REFERENCE: LazyLock<RulesReferenceResponse> = LazyLock::new(|| read_reference(reference::TEXT));

fn read_reference(markdown: &'static str) -> RulesReferenceResponse {
    let (mut functions, mut tables) = (Vec::new(), Vec::<ReferenceTable>::new());
    let (mut heading, mut has_keys) = ("", false);
    for line in markdown.lines() {
        if let Some(title) = line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#')) {
            // `## Segments: `[[segments]]`` is the heading of that table.
            heading = title.split('`').nth(1).filter(|name| name.starts_with('[')).unwrap_or(title);
            has_keys = false;
        } else if line.starts_with("| key |") {
            has_keys = true;
            let is_same = tables.last().is_some_and(|table| table.heading == heading);
            if !is_same {
                tables.push(ReferenceTable { heading: heading.to_owned(), keys: Vec::new() });
            }
        } else if let Some(row) = ReferenceRow::of(line) {
            let default = row.default.map(str::to_owned);
            for form in row.forms {
                let text = row.text.to_owned();
                if has_keys && let Some(table) = tables.last_mut() {
                    table.keys.push(ReferenceKey { key: form.to_owned(), text, default: default.clone() });
                } else if let Some((name, _)) = form.split_once('(') {
                    // `x.contains('a')`
                    let name = name.rsplit('.').next().unwrap_or(name);
                    functions.push(ReferenceFunction { name: name.to_owned(), form: form.to_owned(), text });
                }
            }
        } else if !line.starts_with('|') {
            has_keys = false;
        }
    }
    RulesReferenceResponse { functions, tables, markdown }
}

/// The reference of the rules language
#[utoipa::path(get, path = "/v1/rules/reference", tag = "rules", responses(
    (status = 200, description = "The reference", body = RulesReferenceResponse)
))]
pub(super) async fn rules_reference() -> Json<&'static RulesReferenceResponse> {
    Json(&REFERENCE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_has_every_function_and_the_keys_of_each_heading() {
        for name in rules::function_names() {
            let found = REFERENCE.functions.iter().find(|function| function.name == name);
            let found = found.unwrap_or_else(|| panic!("{name} is missing"));
            assert!(!found.text.is_empty() && found.form.contains(&format!("{name}(")), "{found:?}");
        }
        let keys = |heading: &str| {
            let table = REFERENCE.tables.iter().find(|table| table.heading == heading);
            let keys = &table.unwrap_or_else(|| panic!("{heading} is missing")).keys;
            keys.iter().map(|key| key.key.as_str()).collect::<Vec<_>>()
        };
        assert!(["id", "when", "description"].iter().all(|key| keys("[[segments]]").contains(key)));
        assert!(
            ["on", "channel", "cooldown", "quiet_hours", "budget"]
                .iter()
                .take(4)
                .all(|key| keys("[[campaigns]]").contains(key))
        );
        let table = REFERENCE.tables.iter().find(|table| table.heading == "[[campaigns]]").expect("campaigns");
        let priority = table.keys.iter().find(|key| key.key == "priority").expect("a key");
        assert_eq!(priority.default.as_deref(), Some("0"));
    }

    #[test]
    fn what_stands_behind_a_name_is_found() {
        let of = |text: &str| members(text, "view").collect::<Vec<_>>();
        assert_eq!(of("sum(view.price, '1d') > last(view.größe) && review.x > my.view.y"), ["price", "größe"]);
        assert_eq!(of("view. view.; view.a_1.b"), ["a_1"]);
    }
}
