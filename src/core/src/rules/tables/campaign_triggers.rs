//! `on` of a campaign: the transition or the match that triggers it, and the limit per key, which depends on it.

use std::ops::Range;

use super::RulesReader;
use crate::diagnostics::{join_quoted, shorten};
use crate::document::TomlSection;
use crate::rules::compiler::TriggeringMatch;
use crate::rules::ruleset::{CampaignTrigger, SegmentId, TransitionKind};

/// What `on` can begin with.
pub(in crate::rules) const TRIGGER_KINDS: [&str; 3] = ["enter", "exit", "event"];

const HELP: &str = "write on = \"enter:dormant\", on = \"exit:dormant\" or on = \"event:order\"";

/// What `on` says.
#[derive(Clone, Copy)]
pub(super) enum ReadTrigger {
    Known(CampaignTrigger),
    /// It has a mistake, which was reported.
    Unknown {
        /// It is on an event, perhaps.
        of_event: bool,
    },
}

impl ReadTrigger {
    /// The trigger, if it has no mistake.
    pub(super) fn known(self) -> Option<CampaignTrigger> {
        match self {
            ReadTrigger::Known(trigger) => Some(trigger),
            ReadTrigger::Unknown { .. } => None,
        }
    }

    /// What `event.x` refers to in the campaign's terms.
    pub(super) fn context(self) -> TriggeringMatch {
        match self {
            ReadTrigger::Known(CampaignTrigger::Match(name)) => TriggeringMatch::Of(name),
            ReadTrigger::Unknown { of_event: true } => TriggeringMatch::Unknown,
            _ => TriggeringMatch::None,
        }
    }
}

impl<'t> RulesReader<'t> {
    pub(super) fn trigger(&mut self, section: &TomlSection<'t>) -> ReadTrigger {
        let Some(text) = section.needed_string("on", "\"enter:dormant\"", &mut self.problems) else {
            return ReadTrigger::Unknown { of_event: true };
        };
        let span = text.span();
        let Some((kind, id)) = text.get_ref().split_once(':') else {
            self.problems.add(&span, "`on` must name a change and a segment, or an event", HELP);
            return ReadTrigger::Unknown { of_event: true };
        };
        let change = match kind {
            "enter" => TransitionKind::Enter,
            "exit" => TransitionKind::Exit,
            "event" => return self.triggering_event(id, &span),
            _ => {
                let kinds = join_quoted(&TRIGGER_KINDS);
                self.problems.add(&span, format!("`on` must begin with one of {kinds}, not {}", shorten(kind)), HELP);
                return ReadTrigger::Unknown { of_event: true };
            }
        };
        if let Some(&segment) = self.symbols.segments.get(id) {
            if self.refuse_segment_of_groups(segment, &span) {
                return ReadTrigger::Unknown { of_event: false };
            }
            let segment = u16::try_from(segment).ok().map(SegmentId);
            return segment.map_or(ReadTrigger::Unknown { of_event: false }, |segment| {
                ReadTrigger::Known(CampaignTrigger::Transition { segment, change })
            });
        }
        if self.symbols.names.contains_key(id) {
            let help = format!("for a campaign on each such event, write on = \"event:{id}\"");
            self.problems.add(&span, format!("`{id}` is an event, not a segment"), help);
        } else {
            let help = self.problems.suggest(id, self.symbols.segment_order.iter().map(String::as_str), "segments");
            self.problems.add_missing(&span, format!("there is no segment {}", shorten(id)), help);
        }
        ReadTrigger::Unknown { of_event: false }
    }

    fn triggering_event(&mut self, id: &str, span: &Range<usize>) -> ReadTrigger {
        if let Some(&name) = self.symbols.names.get(id) {
            return ReadTrigger::Known(CampaignTrigger::Match(name));
        }
        if self.symbols.segments.contains_key(id) {
            let help = format!("write on = \"enter:{id}\" or on = \"exit:{id}\"");
            self.problems.add(span, format!("`{id}` is a segment, not an event"), help);
        } else {
            let help = self.problems.suggest(id, self.symbols.name_order.iter().map(String::as_str), "events");
            self.problems.add_missing(span, format!("there is no event {} in [events]", shorten(id)), help);
        }
        ReadTrigger::Unknown { of_event: true }
    }

    /// The limit per key: only where a segment with `per` triggers the campaign.
    pub(super) fn max_per_key(&mut self, section: &TomlSection<'t>, on: Option<CampaignTrigger>) -> Option<u32> {
        let span = section.get("max_per_key")?.span();
        let max = section.integer("max_per_key", 1..=i64::from(u32::MAX), &mut self.problems)?;
        if on.is_some_and(|on| self.symbols.per_of(on).is_none()) {
            let help = "to limit how often a user gets it, write max_per_user";
            let message = "`max_per_key` counts by key, but no segment with `per` triggers this campaign";
            self.problems.add(&span, message, help);
            return None;
        }
        u32::try_from(max).ok()
    }
}
