//! The differences between what two rule sets decided, counted by kind, with a few people each.
//!
//! A difference is exact while the person concerned has noticed nothing: until then every event would have come under the new
//! rules as it came under the old ones. What a person notices is a message that comes, does not come, or says something else, and
//! another number of points. What differs after that is counted apart.

use std::collections::BTreeMap;

use super::matching::{
    DecisionDetail, OutputContrast, OutputSubject, SubjectKind, SubjectList, are_same, contrast, subjects,
};
use super::names::{RulesSide, SharedNames};
use super::people::{PeopleSample, PersonTable};
use rekindle_core::campaigns::Outcome;
use rekindle_core::partition::{Output, OutputKind};
use rekindle_core::rules::ruleset::Ruleset;
use rekindle_core::time::Timestamp;

/// A kind of difference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct DifferenceKind {
    pub(super) subject: SubjectKind,
    pub(super) number: u16,
    pub(super) second: u16,
    pub(super) change: u8,
    /// What there was by the new rules; `None`: nothing.
    pub(super) new: Option<DecidedKind>,
    /// What there was by the old ones.
    pub(super) old: Option<DecidedKind>,
    pub(super) detail: Option<DecisionDetail>,
    pub(super) why: DifferenceCause,
}

/// What was decided: of a decision the number of its outcome, else 0.
pub(super) type DecidedKind = u8;

/// Why there is something by one rule set alone, as far as its other outputs of the same instant tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum DifferenceCause {
    /// Both decided, and differently; or nothing tells.
    Rules,
    /// The other rules have no such thing.
    Absent,
    /// The campaign is triggered by something else in the other rules.
    OtherTrigger,
    /// The change of a segment that triggered the campaign (by its number, and whether it is an exit) is there by these rules alone.
    Transition(u16, u8),
    /// It was decided at another time by the other rules, or its trigger did not happen there.
    OtherTime,
}

/// The first difference of its kind of a sampled person.
#[derive(Clone, Debug)]
pub(super) struct DifferenceExample {
    pub(super) at: Timestamp,
    pub(super) key: Option<String>,
}

/// The differences of a kind.
#[derive(Clone, Debug, Default)]
pub(super) struct DifferenceTally {
    /// Of people who had noticed nothing.
    pub(super) exact: u64,
    /// Of others.
    pub(super) after: u64,
    pub(super) of_exact: PeopleSample<DifferenceExample>,
    pub(super) of_after: PeopleSample<DifferenceExample>,
}

/// All differences.
#[derive(Debug)]
pub(super) struct DifferenceCounts {
    pub(super) kinds: BTreeMap<DifferenceKind, DifferenceTally>,
    /// People who noticed something before the counting began.
    pub(super) noticed_before: u64,
    /// People who notice something within it.
    pub(super) noticed_within: u64,
    from: Timestamp,
}

/// A matching pair, or an output of one rule set alone.
struct OutputPair<'l, 'o> {
    subject: &'l OutputSubject<'o>,
    new: Option<&'o Output>,
    old: Option<&'o Output>,
    contrast: OutputContrast,
}

impl DifferenceCounts {
    pub(super) fn new(from: Timestamp) -> DifferenceCounts {
        DifferenceCounts { kinds: BTreeMap::new(), noticed_before: 0, noticed_within: 0, from }
    }

    /// Compares what two rule sets put out about one person at one instant.
    pub(super) fn compare(
        &mut self,
        names: &SharedNames,
        rules: [&Ruleset; 2],
        [new, old]: [&[Output]; 2],
        people: &mut PersonTable,
    ) {
        let Some(first) = new.first().or(old.first()) else { return };
        let (at, user) = (first.at, &first.user);
        if are_same(names, rules, [new, old]) {
            return;
        }
        let (mut of_new, mut of_old) = (SubjectList::new(), SubjectList::new());
        subjects(names, RulesSide::New, new, &mut of_new);
        subjects(names, RulesSide::Old, old, &mut of_old);
        let mut pairs = pairs(&of_new, &of_old, rules);
        pairs.retain(|pair| pair.contrast != OutputContrast::Same);
        if pairs.is_empty() {
            return;
        }
        let person = people.person(user);
        let is_after = person.noticed;
        if !is_after && pairs.iter().any(OutputPair::is_noticed) {
            person.noticed = true;
            *if at < self.from { &mut self.noticed_before } else { &mut self.noticed_within } += 1;
        }
        if at < self.from {
            return;
        }
        person.differs = true;
        for pair in &pairs {
            let tally = self.kinds.entry(pair.kind(names, &pairs)).or_default();
            let (count, sample) = match is_after {
                false => (&mut tally.exact, &mut tally.of_exact),
                true => (&mut tally.after, &mut tally.of_after),
            };
            *count += 1;
            sample.add(user, || DifferenceExample { at, key: pair.subject.key.map(str::to_owned) });
        }
    }
}

/// Matches two sorted lists.
fn pairs<'l, 'o>(new: &'l SubjectList<'o>, old: &'l SubjectList<'o>, rules: [&Ruleset; 2]) -> Vec<OutputPair<'l, 'o>> {
    let (mut a, mut b) = (new.iter().peekable(), old.iter().peekable());
    let mut pairs = Vec::new();
    loop {
        let (left, right) = match (a.peek(), b.peek()) {
            (None, None) => return pairs,
            (Some(_), None) => (a.next(), None),
            (None, Some(_)) => (None, b.next()),
            (Some((left, _)), Some((right, _))) => match left.cmp(right) {
                std::cmp::Ordering::Less => (a.next(), None),
                std::cmp::Ordering::Greater => (None, b.next()),
                std::cmp::Ordering::Equal => (a.next(), b.next()),
            },
        };
        let Some((subject, _)) = left.or(right) else { return pairs };
        let (new, old) = (left.map(|(_, output)| *output), right.map(|(_, output)| *output));
        let contrast = match (new, old) {
            (Some(new), Some(old)) => contrast(rules, new, old),
            _ => OutputContrast::Outcome,
        };
        pairs.push(OutputPair { subject, new, old, contrast });
    }
}

impl OutputPair<'_, '_> {
    /// Whether the person notices the difference.
    fn is_noticed(&self) -> bool {
        let is_message = |output: Option<&Output>| match output.map(|output| &output.decided) {
            Some(OutputKind::Decision(decision)) => matches!(decision.outcome, Outcome::Sent { .. }),
            Some(OutputKind::Points(_)) => true,
            _ => false,
        };
        is_message(self.new) || is_message(self.old)
    }

    fn kind(&self, names: &SharedNames, all: &[OutputPair<'_, '_>]) -> DifferenceKind {
        let decided = |output: Option<&Output>| {
            output.map(|output| match &output.decided {
                OutputKind::Decision(decision) => u8::try_from(decision.outcome.index()).unwrap_or(u8::MAX),
                _ => 0,
            })
        };
        DifferenceKind {
            subject: self.subject.kind,
            number: self.subject.number,
            second: self.subject.second,
            change: self.subject.change,
            new: decided(self.new),
            old: decided(self.old),
            detail: match self.contrast {
                OutputContrast::Detail(detail) => Some(detail),
                _ => None,
            },
            why: self.cause(names, all),
        }
    }

    fn cause(&self, names: &SharedNames, all: &[OutputPair<'_, '_>]) -> DifferenceCause {
        let (side, other, output) = match (self.new, self.old) {
            (Some(new), None) => (RulesSide::New, RulesSide::Old, new),
            (None, Some(old)) => (RulesSide::Old, RulesSide::New, old),
            _ => return DifferenceCause::Rules,
        };
        let number = self.subject.number;
        let is_absent = match self.subject.kind {
            SubjectKind::Segment | SubjectKind::Share => names.segments.own(other, number).is_none(),
            SubjectKind::Campaign | SubjectKind::Goal => names.campaigns.own(other, number).is_none(),
            SubjectKind::Points => names.ledgers.own(other, number).is_none(),
            SubjectKind::Budget => names.budgets.own(other, number).is_none(),
            SubjectKind::Merge => false,
        };
        if is_absent {
            return DifferenceCause::Absent;
        }
        let OutputKind::Decision(decision) = &output.decided else { return DifferenceCause::Rules };
        if !names.same_trigger.get(usize::from(number)).copied().unwrap_or(false) {
            return DifferenceCause::OtherTrigger;
        }
        let (is_event, trigger, change) = names.trigger(side, decision.trigger.on);
        let is_its_trigger = |pair: &&OutputPair<'_, '_>| {
            let subject = pair.subject;
            let is_alone = pair.new.is_some() == self.new.is_some() && pair.old.is_some() == self.old.is_some();
            is_alone
                && (subject.kind, subject.number, subject.change, subject.key)
                    == (SubjectKind::Segment, trigger, change, self.subject.key)
        };
        match !is_event && all.iter().any(|pair| is_its_trigger(&pair)) {
            true => DifferenceCause::Transition(trigger, change),
            false => DifferenceCause::OtherTime,
        }
    }
}
