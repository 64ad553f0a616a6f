//! What happened to a user, entry by entry, newest first, in pages: for the command line and the API.

use std::fmt;

use serde_json::{Map, Value, json};

use rekindle_core::event::CallType;
use rekindle_core::journal;
use rekindle_core::rules::ruleset::Ruleset;
use rekindle_core::time::Timestamp;
use rekindle_runtime::history::{StoryEvent, StoryItem};

/// What the names of events begin with that tell what became of a message.
const MESSAGE_EVENTS: &str = "Message ";

/// An entry of a timeline, as JSON: `at`, `kind`, and what else there is to say.
pub(crate) type TimelineEntry = Map<String, Value>;

/// A page of a timeline.
#[derive(Debug)]
pub(crate) struct TimelinePage {
    /// Newest first.
    pub(crate) entries: Vec<TimelineEntry>,
    /// Where the next page begins; `None`: there is no more.
    pub(crate) next: Option<TimelinePlace>,
}

/// A place in a timeline: entries before an instant, and those at it but some that were shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimelinePlace {
    /// The instant.
    pub(crate) at: Timestamp,
    /// How many entries at the instant were shown; `None`: none at it are to be.
    pub(crate) shown: Option<usize>,
}

impl TimelinePlace {
    /// Parses what [`Display`](fmt::Display) writes, or an instant.
    pub(crate) fn parse(text: &str) -> Option<TimelinePlace> {
        match text.split_once('~') {
            Some((at, shown)) => {
                Some(TimelinePlace { at: Timestamp::parse_moment(at)?, shown: Some(shown.parse().ok()?) })
            }
            None => Some(TimelinePlace { at: Timestamp::parse_moment(text)?, shown: None }),
        }
    }
}

impl fmt::Display for TimelinePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.shown {
            Some(shown) => write!(f, "{}~{shown}", self.at),
            None => write!(f, "{}", self.at),
        }
    }
}

impl TimelinePage {
    /// The newest entries before a place. `items` are in the order in which they happened; a late event stands at its own time.
    pub(crate) fn of(
        rules: &Ruleset,
        mut items: Vec<StoryItem>,
        before: Option<TimelinePlace>,
        limit: usize,
    ) -> TimelinePage {
        items.sort_by_key(at);
        items.retain(|item| {
            before.is_none_or(|before| at(item) < before.at || before.shown.is_some() && at(item) == before.at)
        });
        if let Some(TimelinePlace { at: instant, shown: Some(shown) }) = before {
            let at_instant = items.iter().rev().take_while(|item| at(item) == instant).count();
            items.truncate(items.len() - shown.min(at_instant));
        }
        let rest = items.len().saturating_sub(limit);
        let page: Vec<StoryItem> = items.drain(rest..).rev().collect();
        let next = page.last().filter(|_| rest > 0).map(|last| {
            let instant = at(last);
            let on_page = page.iter().rev().take_while(|item| at(item) == instant).count();
            let shown_before = before.filter(|before| before.at == instant && on_page == page.len());
            let shown = on_page + shown_before.and_then(|before| before.shown).unwrap_or(0);
            TimelinePlace { at: instant, shown: Some(shown) }
        });
        TimelinePage { entries: page.iter().map(|item| entry(rules, item)).collect(), next }
    }
}

fn at(item: &StoryItem) -> Timestamp {
    match item {
        StoryItem::Event(event) => event.at,
        StoryItem::Output(output) => output.at,
    }
}

fn entry(rules: &Ruleset, item: &StoryItem) -> TimelineEntry {
    match item {
        StoryItem::Event(event) => of_event(event),
        StoryItem::Output(output) => {
            let mut line = Vec::new();
            journal::append_line(rules, output, &mut line);
            let mut entry: TimelineEntry = serde_json::from_slice(&line).unwrap_or_default();
            if entry.get("kind").is_some_and(|kind| kind == "merged") {
                entry.insert("kind".to_owned(), "merge".into());
            }
            entry
        }
    }
}

fn of_event(event: &StoryEvent) -> TimelineEntry {
    let is_delivery = event.name.as_deref().is_some_and(|name| name.starts_with(MESSAGE_EVENTS));
    let mut entry = TimelineEntry::new();
    let mut put = |key: &str, value: Value| _ = entry.insert(key.to_owned(), value);
    put("at", event.at.to_string().into());
    put("kind", if is_delivery { "delivery" } else { "event" }.into());
    put("type", event.call.name().into());
    let texts = [
        ("event", &event.name),
        ("id", &event.message_id),
        ("user", &event.user_id),
        ("anonymous_id", &event.anonymous_id),
    ];
    for (key, text) in texts {
        text.iter().for_each(|text| put(key, text.as_str().into()));
    }
    // An oversized event is told without its contents.
    let call: Value = event.text.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let contents = if event.call == CallType::Identify { "traits" } else { "properties" };
    match call.get(contents) {
        Some(found) if !found.is_null() => put(contents, found.clone()),
        _ if event.text.is_none() => put("omitted", json!("the event is too long to be shown here")),
        _ => {}
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;
    use rekindle_core::rules;

    fn event(at: i64, id: usize) -> StoryItem {
        StoryItem::Event(StoryEvent {
            at: Timestamp(at),
            call: CallType::Track,
            name: Some("Viewed".to_owned()),
            message_id: Some(id.to_string()),
            user_id: None,
            anonymous_id: None,
            text: None,
        })
    }

    /// For every limit.
    #[test]
    fn pages_have_every_entry_once_however_many_are_at_one_instant() {
        let rules = rules::compile("").expect("no rules");
        let times = [1, 1, 5, 5, 5, 5, 5, 3, 9, 9];
        let items: Vec<StoryItem> = times.iter().enumerate().map(|(id, at)| event(*at, id)).collect();
        let expected = ["9", "8", "6", "5", "4", "3", "2", "7", "1", "0"];
        for limit in 1..12 {
            let (mut found, mut before) = (Vec::new(), None);
            loop {
                let page = TimelinePage::of(&rules, items.clone(), before, limit);
                assert!(page.entries.len() <= limit);
                found.extend(page.entries.iter().map(|entry| entry["id"].as_str().unwrap_or_default().to_owned()));
                let Some(next) = page.next else { break };
                before = TimelinePlace::parse(&next.to_string());
                assert_eq!(before, Some(next));
            }
            assert_eq!(found, expected, "{limit} a page");
        }
        let before = TimelinePlace { at: Timestamp(5), shown: None };
        let page = TimelinePage::of(&rules, items, Some(before), 10);
        assert_eq!(page.entries.len(), 3, "an instant alone stands for what is before it");
    }
}
