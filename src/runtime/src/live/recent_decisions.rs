//! The latest decisions of all users, for requests about one of them.
//!
//! Their number and their bytes are bounded: the oldest are dropped first, whatever user they belong to. All decisions are
//! in the journal. Checkpoints have them, so that a start has them too: what is new since the checkpoint before, and of whom some
//! of those before are gone.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use hashbrown::HashMap;

use rekindle_core::campaigns::DecisionStep;
use rekindle_core::checkpoint::ForgottenDecisions;
use rekindle_core::partition::{Cause, DecisionOutput, ExecutionPlan, Output, OutputKind};
use rekindle_core::time::Timestamp;

/// The number of decisions of one user that are kept.
const MAX_PER_USER: usize = 10;

/// The latest decisions.
#[derive(Debug)]
pub(super) struct RecentDecisions {
    max_decisions: usize,
    max_bytes: usize,
    state: Mutex<DecisionBuffer>,
}

#[derive(Debug, Default)]
struct DecisionBuffer {
    /// The number of decisions that were ever added, which numbers them.
    added: u64,
    /// The bytes of those that are kept.
    bytes: usize,
    /// The user of each decision that is kept, by its number: oldest first.
    order: BTreeMap<u64, Arc<str>>,
    by_user: HashMap<Arc<str>, VecDeque<RecentDecision>>,
    /// Those with a lower number were there when the last snapshot was begun; 0: there is none that another could continue.
    snapshot_end: u64,
    /// Of whom some of those were removed since.
    forgotten: Vec<ForgottenDecisions>,
}

/// Decisions that a snapshot has yet to take, by their numbers.
#[derive(Debug)]
pub(super) struct DecisionRange {
    next: u64,
    end: u64,
}

/// A decision with the rules that made it, which its ids refer to.
#[derive(Debug)]
struct RecentDecision {
    number: u64,
    plan: Arc<ExecutionPlan>,
    decision: Output,
}

impl RecentDecisions {
    /// Keeps at most this number of decisions, with at most this number of bytes.
    pub(super) fn new(max_decisions: usize, max_bytes: usize) -> RecentDecisions {
        RecentDecisions { max_decisions, max_bytes, state: Mutex::default() }
    }

    /// Adds the decisions among these outputs.
    pub(super) fn add(&self, plan: &Arc<ExecutionPlan>, outputs: &[Output]) {
        let mut decisions = outputs.iter().filter(|o| matches!(o.decided, OutputKind::Decision(_))).peekable();
        if decisions.peek().is_none() {
            return;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for decision in decisions {
            state.add(plan, decision);
            while state.order.len() > self.max_decisions || state.bytes > self.max_bytes {
                state.drop_oldest();
            }
        }
    }

    /// Removes the decisions about a user.
    pub(super) fn forget(&self, user: &str) {
        self.forget_before(user, Timestamp::NEVER);
    }

    /// Removes the decisions about a user before an instant.
    pub(super) fn forget_before(&self, user: &str, at: Timestamp) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let DecisionBuffer { order, by_user, bytes, snapshot_end, forgotten, .. } = &mut *state;
        let Some(of_user) = by_user.get_mut(user) else { return };
        let mut was_stored = false;
        of_user.retain(|kept| {
            let stays = kept.decision.at >= at;
            if !stays {
                order.remove(&kept.number);
                *bytes -= kept.bytes();
                was_stored |= kept.number < *snapshot_end;
            }
            stays
        });
        if of_user.is_empty() {
            by_user.remove(user);
        }
        if was_stored {
            forgotten.push(ForgottenDecisions { user: user.into(), before: at });
        }
    }

    /// Begins with the decisions of a checkpoint, which the next snapshot may continue.
    pub(super) fn restore(&self, plan: &Arc<ExecutionPlan>, decisions: &[Output]) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = DecisionBuffer::default();
        self.add(plan, decisions);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.snapshot_end = state.added;
    }

    /// The decisions that a snapshot has from here: all, or those since the last one, and of whom some before are gone.
    pub(super) fn begin_snapshot(&self, is_full: bool) -> (DecisionRange, Vec<ForgottenDecisions>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let next = if is_full { 0 } else { state.snapshot_end };
        state.snapshot_end = state.added;
        let forgotten = std::mem::take(&mut state.forgotten);
        let end = state.added;
        (DecisionRange { next, end }, if is_full { Vec::new() } else { forgotten })
    }

    /// The next decisions of a snapshot, with the rules that made them; none: it has all that are still kept.
    pub(super) fn take_part(&self, range: &mut DecisionRange, max: usize) -> Vec<(Arc<ExecutionPlan>, Output)> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let numbered = state.order.range(range.next..range.end).take(max);
        let part: Vec<_> = numbered.filter_map(|(number, user)| state.kept(*number, user)).collect();
        range.next = part.last().map_or(range.end, |last| last.number + 1);
        part.into_iter().map(RecentDecision::with_rules).collect()
    }

    /// A user's latest decisions, oldest first, each with the rules that made it.
    pub(super) fn of(&self, user: &str) -> Vec<(Arc<ExecutionPlan>, Output)> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.by_user.get(user).into_iter().flatten().map(RecentDecision::with_rules).collect()
    }
}

impl RecentDecision {
    fn with_rules(&self) -> (Arc<ExecutionPlan>, Output) {
        (Arc::clone(&self.plan), self.decision.clone())
    }

    /// The bytes that it occupies: its place in the buffer, and its texts.
    fn bytes(&self) -> usize {
        let texts = match &self.decision.decided {
            OutputKind::Decision(decision) => {
                let cause = if let Cause::Event(Some(id)) = &decision.cause { id.len() } else { 0 };
                let steps = decision.steps.iter().map(DecisionStep::bytes).sum::<usize>();
                size_of::<DecisionOutput>() + steps + cause + decision.trigger.key.as_ref().map_or(0, |key| key.len())
            }
            _ => 0,
        };
        size_of::<RecentDecision>() + size_of::<(u64, Arc<str>)>() + self.decision.user.len() + texts
    }
}

/// Payloads are not kept here, as they are not in the journal.
fn without_payload(decision: &Output) -> Output {
    let decided = match &decision.decided {
        OutputKind::Decision(decision) => {
            let DecisionOutput { campaign, outcome, trigger, cause, payload: _, steps } = &**decision;
            OutputKind::Decision(Box::new(DecisionOutput {
                campaign: *campaign,
                outcome: outcome.clone(),
                trigger: trigger.clone(),
                cause: cause.clone(),
                payload: None,
                steps: steps.clone(),
            }))
        }
        other => other.clone(),
    };
    Output { at: decision.at, user: Arc::clone(&decision.user), position: decision.position, decided }
}

impl DecisionBuffer {
    fn add(&mut self, plan: &Arc<ExecutionPlan>, decision: &Output) {
        let number = self.added;
        self.added += 1;
        self.order.insert(number, Arc::clone(&decision.user));
        let of_user = self.by_user.entry(Arc::clone(&decision.user)).or_default();
        let kept = RecentDecision { number, plan: Arc::clone(plan), decision: without_payload(decision) };
        self.bytes += kept.bytes();
        of_user.push_back(kept);
        if of_user.len() > MAX_PER_USER
            && let Some(oldest) = of_user.pop_front()
        {
            self.order.remove(&oldest.number);
            self.bytes -= oldest.bytes();
        }
    }

    fn kept(&self, number: u64, user: &str) -> Option<&RecentDecision> {
        self.by_user.get(user)?.iter().find(|kept| kept.number == number)
    }

    fn drop_oldest(&mut self) {
        let Some((_, user)) = self.order.pop_first() else { return };
        let Some(of_user) = self.by_user.get_mut(&user) else { return };
        self.bytes -= of_user.pop_front().map_or(0, |oldest| oldest.bytes());
        if of_user.is_empty() {
            self.by_user.remove(&user);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rekindle_core::campaigns::{Outcome, TriggerOrigin};
    use rekindle_core::rules;
    use rekindle_core::rules::ruleset::{CampaignId, CampaignTrigger, SegmentId, TransitionKind};

    fn decision(user: &str, at: i64) -> Output {
        let on = CampaignTrigger::Transition { segment: SegmentId(0), change: TransitionKind::Enter };
        let trigger = TriggerOrigin::of(on);
        let decided = OutputKind::Decision(Box::new(DecisionOutput {
            campaign: CampaignId(0),
            outcome: Outcome::Cooldown,
            trigger,
            cause: Cause::Time,
            payload: None,
            steps: Vec::new(),
        }));
        Output { at: Timestamp(at), user: user.into(), position: 0, decided }
    }

    fn times(recent: &RecentDecisions, user: &str) -> Vec<i64> {
        recent.of(user).iter().map(|(_, output)| output.at.0).collect()
    }

    #[test]
    fn the_oldest_decisions_of_a_user_and_of_all_go_first() {
        let rules = rules::compile("").unwrap_or_else(|_| unreachable!("no rules are no mistake"));
        let plan = Arc::new(ExecutionPlan::new(rules));
        let recent = RecentDecisions::new(15, 1 << 20);
        for at in 0..12 {
            recent.add(&plan, &[decision("u", at)]);
        }
        assert_eq!(times(&recent, "u"), (2..12).collect::<Vec<_>>());
        recent.add(&plan, &[decision("v", 100), decision("w", 101), decision("v", 102)]);
        assert_eq!((times(&recent, "u").len(), times(&recent, "v")), (10, vec![100, 102]));
        // 13 are kept now, without the first two of u. The next ones displace the oldest of u.
        recent.add(&plan, &[decision("x", 103), decision("x", 104), decision("x", 105)]);
        assert_eq!(times(&recent, "u"), (3..12).collect::<Vec<_>>());
        for at in 200..230 {
            recent.add(&plan, &[decision(&format!("y{at}"), at)]);
        }
        assert_eq!((times(&recent, "u").len(), times(&recent, "x").len(), times(&recent, "y229").len()), (0, 0, 1));
        assert_eq!(recent.state.lock().expect("not poisoned").by_user.len(), 15);
    }

    #[test]
    fn decisions_are_kept_within_bytes_and_without_their_payloads() {
        let rules = rules::compile("").unwrap_or_else(|_| unreachable!("no rules are no mistake"));
        let (plan, recent) = (Arc::new(ExecutionPlan::new(rules)), RecentDecisions::new(100_000, 64_000));
        let bytes = || recent.state.lock().expect("not poisoned").bytes;
        for at in 0..10_000 {
            let mut large = decision(&format!("{at:0>256}"), at);
            if let OutputKind::Decision(decision) = &mut large.decided {
                let items = rekindle_core::json::JsonText::of(&"x".repeat(8_000));
                decision.payload = Some(Box::new([("items".to_owned(), items)].into()));
                decision.cause = Cause::Event(Some("m".repeat(128).into()));
            }
            recent.add(&plan, &[large]);
            assert!(bytes() <= 64_000);
        }
        let kept = recent.state.lock().expect("not poisoned").order.len();
        assert!((64..200).contains(&kept), "{kept}");
        let latest = recent.of(&format!("{:0>256}", 9_999));
        assert!(matches!(&latest[0].1.decided, OutputKind::Decision(decision) if decision.payload.is_none()));
        recent.forget(&format!("{:0>256}", 9_999));
        recent.forget_before(&format!("{:0>256}", 9_998), Timestamp(i64::MAX));
        for at in 9_900..9_998 {
            recent.forget(&format!("{at:0>256}"));
        }
        (0..9_900).for_each(|at| recent.forget(&format!("{at:0>256}")));
        assert_eq!(bytes(), 0, "what is removed occupies nothing");
    }

    #[test]
    fn decisions_are_removed_completely_or_up_to_an_instant() {
        let rules = rules::compile("").unwrap_or_else(|_| unreachable!("no rules are no mistake"));
        let (plan, recent) = (Arc::new(ExecutionPlan::new(rules)), RecentDecisions::new(4, 1 << 20));
        recent.add(&plan, &[decision("u", 1), decision("v", 2), decision("u", 3)]);
        recent.forget("u");
        recent.forget("nobody");
        assert_eq!((times(&recent, "u"), times(&recent, "v")), (vec![], vec![2]));
        assert_eq!(recent.state.lock().expect("not poisoned").order.len(), 1, "nothing of u is left");
        recent.add(&plan, &[decision("u", 4), decision("u", 5)]);
        recent.forget_before("u", Timestamp(5));
        assert_eq!(times(&recent, "u"), [5]);
        recent.forget_before("v", Timestamp(3));
        recent.add(&plan, &[decision("w", 6), decision("w", 7), decision("w", 8)]);
        assert_eq!((times(&recent, "u"), times(&recent, "v"), times(&recent, "w")), (vec![5], vec![], vec![6, 7, 8]));
    }

    /// All parts of a snapshot, and whose decisions are gone.
    fn snapshot(recent: &RecentDecisions, is_full: bool) -> (Vec<i64>, Vec<(String, i64)>) {
        let (mut range, forgotten) = recent.begin_snapshot(is_full);
        let mut taken = Vec::new();
        loop {
            let part = recent.take_part(&mut range, 2);
            if part.is_empty() {
                break;
            }
            taken.extend(part.iter().map(|(_, output)| output.at.0));
        }
        (taken, forgotten.iter().map(|of_user| (of_user.user.to_string(), of_user.before.0)).collect())
    }

    #[test]
    fn a_snapshot_has_what_is_new_since_the_last_and_of_whom_something_before_is_gone() {
        let rules = rules::compile("").unwrap_or_else(|_| unreachable!("no rules are no mistake"));
        let (plan, recent) = (Arc::new(ExecutionPlan::new(rules)), RecentDecisions::new(100, 1 << 20));
        recent.add(&plan, &[decision("u", 1), decision("v", 2), decision("u", 3), decision("w", 4)]);
        recent.forget("w");
        assert_eq!(snapshot(&recent, true), (vec![1, 2, 3], vec![]), "nobody has what was never stored");
        assert_eq!(snapshot(&recent, false), (vec![], vec![]));
        recent.add(&plan, &[decision("u", 5), decision("w", 6), decision("x", 7)]);
        recent.forget_before("u", Timestamp(3));
        recent.forget("x");
        recent.forget("nobody");
        assert_eq!(snapshot(&recent, false), (vec![5, 6], vec![("u".to_owned(), 3)]));
        assert_eq!(snapshot(&recent, false), (vec![], vec![]));
        recent.forget("v");
        assert_eq!(snapshot(&recent, true), (vec![3, 5, 6], vec![]), "a full one continues none");

        let restarted = RecentDecisions::new(100, 1 << 20);
        restarted.restore(&plan, &[decision("u", 3), decision("u", 5), decision("w", 6)]);
        assert_eq!((times(&restarted, "u"), times(&restarted, "w")), (vec![3, 5], vec![6]));
        restarted.add(&plan, &[decision("u", 8)]);
        restarted.forget("w");
        assert_eq!(snapshot(&restarted, false), (vec![8], vec![("w".to_owned(), Timestamp::NEVER.0)]));
    }

    #[test]
    fn what_is_added_while_a_snapshot_is_taken_belongs_to_the_next() {
        let rules = rules::compile("").unwrap_or_else(|_| unreachable!("no rules are no mistake"));
        let (plan, recent) = (Arc::new(ExecutionPlan::new(rules)), RecentDecisions::new(100, 1 << 20));
        recent.add(&plan, &[decision("u", 1), decision("v", 2), decision("w", 3)]);
        let (mut range, _) = recent.begin_snapshot(true);
        assert_eq!(recent.take_part(&mut range, 1).len(), 1);
        recent.add(&plan, &[decision("x", 4)]);
        recent.forget("v");
        let rest: Vec<i64> = recent.take_part(&mut range, 9).iter().map(|(_, output)| output.at.0).collect();
        assert_eq!(rest, [3]);
        assert_eq!(snapshot(&recent, false), (vec![4], vec![("v".to_owned(), Timestamp::NEVER.0)]));
    }
}
