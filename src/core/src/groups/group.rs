//! One group.

use std::sync::Arc;

use super::book::{GroupOutcome, GroupRules};
use super::{GroupCause, GroupChange, GroupMatch, ToldNotice};
use crate::engine::evaluate::{EvaluationContext, GroupScope};
use crate::engine::profile::UserProfile;
use crate::event::{FieldId, Scalar};
use crate::features::{FeatureClock, FeatureInput};
use crate::rules::ruleset::{GroupId, MatchValueSource, NameId, NoticeAddressees, SegmentId, TransitionKind};
use crate::time::Timestamp;
use crate::value::Value;

/// A group: what is remembered of the matches that bear its key.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Its key.
    pub key: Arc<str>,
    /// Its clock, its segments and its features; of the rest of a profile a group has nothing.
    pub profile: UserProfile,
    /// No segment of it changes before this instant by time alone.
    pub segments_due: Timestamp,
}

impl Group {
    /// A group without matches.
    pub fn new(key: Arc<str>, now: Timestamp) -> Group {
        Group { key, profile: UserProfile::new(now), segments_due: Timestamp::NEVER }
    }

    /// When it is forgotten if no match comes.
    pub fn forgotten_at(&self, rules: &GroupRules<'_>, id: GroupId) -> Timestamp {
        self.profile.latest + rules.rules.groups[usize::from(id.0)].ttl
    }

    /// The earliest instant at which time alone may change anything.
    pub(super) fn due(&self, rules: &GroupRules<'_>, id: GroupId) -> Timestamp {
        self.segments_due.min(self.forgotten_at(rules, id))
    }

    /// Fires what is due at or before an instant, each at its own. False: the group is gone.
    pub(super) fn fire_due(
        &mut self,
        rules: &GroupRules<'_>,
        id: GroupId,
        to: Timestamp,
        out: &mut GroupOutcome,
    ) -> bool {
        loop {
            let due = self.due(rules, id);
            if due > to {
                return true;
            }
            self.profile.now = self.profile.now.max(due);
            if self.forgotten_at(rules, id) <= due {
                self.leave_all(id, GroupCause::Ttl, out);
                return false;
            }
            self.profile.tidy(rules.rules);
            self.evaluate(rules, id, GroupCause::Time, out);
        }
    }

    /// Adds the matches of one event at an instant, and evaluates once.
    pub(super) fn take(
        &mut self,
        rules: &GroupRules<'_>,
        matches: &[&GroupMatch],
        now: Timestamp,
        out: &mut GroupOutcome,
    ) {
        let Some(first) = matches.first() else { return };
        let id = first.group;
        self.profile.now = now;
        let mut names: Vec<NameId> = Vec::new();
        for matched in matches {
            self.profile.first = self.profile.first.min(matched.ts);
            self.profile.latest = self.profile.latest.max(matched.ts);
            let input = FeatureInput {
                fields: &matched.values,
                ts: matched.ts,
                position: matched.position,
                clock: FeatureClock { now, calendar: &rules.rules.calendar },
                is_repeated: names.contains(&matched.name),
                is_second: false,
                points: None,
            };
            names.push(matched.name);
            let features = rules.dispatch.group(id).features(matched.name);
            self.profile.record_match(rules.rules, features.each_ref().map(Vec::as_slice), &input);
        }
        self.evaluate(rules, id, GroupCause::Match, out);
    }

    /// Evaluates all segments at the group's clock, in file order. What a change makes it tell is worked out before the
    /// segments further below.
    pub(super) fn evaluate(&mut self, rules: &GroupRules<'_>, id: GroupId, cause: GroupCause, out: &mut GroupOutcome) {
        let mut until = Timestamp::NEVER;
        for segment in rules.dispatch.group(id).segments() {
            let when = &rules.rules.segments[usize::from(segment.0)].when;
            let outlook = self.scope(rules, id).outlook(when);
            until = until.min(outlook.until);
            if outlook.holds == self.profile.members.contains(*segment) {
                continue;
            }
            self.profile.members.set(*segment, outlook.holds);
            let change = TransitionKind::to(outlook.holds);
            out.changes.push(self.change(id, *segment, change, cause));
            if cause.tells() {
                for name in rules.dispatch.group(id).notices(*segment, change) {
                    out.notices.extend(self.notice(rules, id, name));
                }
            }
        }
        self.segments_due = until;
    }

    /// The group goes: it leaves its segments, in file order.
    pub(super) fn leave_all(&mut self, id: GroupId, cause: GroupCause, out: &mut GroupOutcome) {
        for segment in std::mem::take(&mut self.profile.members).iter() {
            out.changes.push(self.change(id, segment, TransitionKind::Exit, cause));
        }
    }

    fn change(&self, group: GroupId, segment: SegmentId, change: TransitionKind, cause: GroupCause) -> GroupChange {
        GroupChange { group, key: Arc::clone(&self.key), segment, change, at: self.profile.now, cause }
    }

    /// What a change makes the group tell, as it is right after it; `None`: there is nobody to tell.
    fn notice(&self, rules: &GroupRules<'_>, id: GroupId, name: NameId) -> Option<ToldNotice> {
        let definition = &rules.rules.names[usize::from(name.0)];
        let scope = self.scope(rules, id);
        let to: Vec<Arc<str>> = match &definition.notice.as_ref()?.to {
            NoticeAddressees::Members(feature) => {
                self.profile.feature(*feature)?.texts_by_arrival().map(Arc::from).collect()
            }
            NoticeAddressees::User(term) => id_of(scope.value(term)).into_iter().collect(),
        };
        if to.is_empty() {
            return None;
        }
        let values = definition.values.iter().filter_map(|value| match value.source {
            MatchValueSource::Let(index) => {
                let term = &definition.lets[usize::from(index)].term;
                Some((value.field, scope.value(term).to_scalar()?.into_owned()))
            }
            MatchValueSource::Property { .. } => None,
        });
        let at = self.profile.now;
        let message_id = format!("{}:{}:{at}", definition.id, self.key).into();
        Some(ToldNotice { name, key: Arc::clone(&self.key), at, message_id, to, values: values.collect() })
    }

    /// What a condition of the group sees.
    pub fn scope<'g>(&'g self, rules: &GroupRules<'g>, id: GroupId) -> EvaluationContext<'g> {
        let of = &rules.rules.groups[usize::from(id.0)].id;
        let group = GroupScope { id: of, key: &self.key, secret: rules.secret };
        let scope = EvaluationContext::new(rules.rules, &self.profile, self.profile.now).with_rows(rules.rows);
        EvaluationContext { group: Some(group), ..scope }
    }
}

/// The id that a value is: a text, or a whole number as its decimal text.
fn id_of(value: Value<'_>) -> Option<Arc<str>> {
    match value {
        Value::Text(text) if !text.is_empty() => Some(text.into()),
        Value::Number(number) => number.whole_within_64_bits().map(|whole| whole.to_string().into()),
        _ => None,
    }
}

/// Takes out the value of a field, if it is this text.
pub(super) fn without_text(values: &mut Vec<(FieldId, Scalar<'static>)>, field: FieldId, text: &str) {
    values.retain(|(other, value)| *other != field || !matches!(value, Scalar::Text(own) if own == text));
}
