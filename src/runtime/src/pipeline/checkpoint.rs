//! A pipeline's state as a checkpoint's bytes, and a pipeline that goes on from them.

use std::borrow::Cow;
use std::sync::Arc;

use rayon::prelude::*;
use thiserror::Error;

use super::{Pipeline, PipelineOptions};
use rekindle_core::checkpoint::{
    CheckpointEncoder, CheckpointFile, CheckpointHeader, CheckpointKind, CodecError, PartContent, PartitionDelta,
    merge, translate,
};
use rekindle_core::growth::{GrowthMigration, Rollup, add_missing_funnel_windows};
use rekindle_core::identity::IdentityLinks;
use rekindle_core::partition::{ExecutionPlan, Output, PackedUser, Partition, RulesChange, User};
use rekindle_core::route::partition_of;
use rekindle_core::time::Timestamp;

/// A pipeline that cannot go on from where another stopped.
#[derive(Debug, Error)]
pub enum RestoreError {
    /// The state can't be read.
    #[error("could not read the saved state: {0}")]
    State(#[from] CodecError),
    /// The workers can't be started.
    #[error("could not start the worker threads: {0}")]
    Workers(#[from] rayon::ThreadPoolBuildError),
}

/// Where a pipeline stood, as it was read from a base and the deltas that continue it.
#[derive(Debug)]
pub struct RestoredPipeline {
    /// What the last of the files says of itself: where the log stood.
    pub head: CheckpointHeader,
    /// Every link.
    pub links: IdentityLinks,
    /// Every user, by the partition it was in.
    pub partitions: Vec<Vec<PackedUser>>,
    /// The growth numbers' counts; `None`: they begin anew, or there are none.
    pub growth: Option<Box<Rollup>>,
}

impl RestoredPipeline {
    /// Reads a base and the deltas that continue it, oldest first, for these rules. The work is spread over the threads
    /// of the pool it is called in.
    ///
    /// # Errors
    /// A file is damaged or none, or does not continue the one before. Which one is told by its place in `files`.
    pub fn read(plan: &ExecutionPlan, files: &[&[u8]]) -> Result<RestoredPipeline, (usize, CodecError)> {
        let mut last: Option<CheckpointHeader> = None;
        let mut links = IdentityLinks::default();
        let mut growth = None;
        let mut partitions: Vec<Vec<PartitionDelta>> = Vec::new();
        for (index, bytes) in files.iter().enumerate() {
            let (head, contents) = read_one(plan, last.as_ref(), bytes).map_err(|error| (index, error))?;
            if last.is_none() {
                partitions.resize_with(usize::from(head.partitions), Vec::new);
            }
            for of_partition in &mut partitions {
                of_partition.push(PartitionDelta::default());
            }
            take_in(contents, &mut partitions, &mut links, &mut growth);
            last = Some(head);
        }
        let Some(head) = last else { return Err((0, CodecError::NotACheckpoint)) };
        let partitions = partitions.into_par_iter().map(merge).collect();
        Ok(RestoredPipeline { head, links, partitions, growth })
    }
}

/// Reads one file, all parts of it at once.
fn read_one(
    plan: &ExecutionPlan,
    before: Option<&CheckpointHeader>,
    bytes: &[u8],
) -> Result<(CheckpointHeader, Vec<PartContent>), CodecError> {
    let file = CheckpointFile::read(bytes)?;
    let head = file.head();
    let continues = match before {
        None => head.kind == CheckpointKind::Base,
        Some(before) => {
            head.kind == CheckpointKind::Delta
                && head.previous == before.number
                && head.base == before.base
                && head.partitions == before.partitions
        }
    };
    if !continues {
        return Err(CodecError::Chain { before: before.map_or(0, |before| before.number), found: head.number });
    }
    let reading = file.reading(plan)?;
    let contents = file.parts().par_iter().map(|part| part.content(&reading)).collect::<Result<_, _>>()?;
    Ok((head.clone(), contents))
}

/// Adds what a file holds; what it says is gone goes first.
fn take_in(
    contents: Vec<PartContent>,
    partitions: &mut [Vec<PartitionDelta>],
    links: &mut IdentityLinks,
    growth: &mut Option<Box<Rollup>>,
) {
    let mut linked = Vec::new();
    for content in contents {
        match content {
            PartContent::Users(partition, users) => {
                if let Some(changes) = partitions[usize::from(partition)].last_mut() {
                    changes.users.extend(users);
                }
            }
            PartContent::Removed(partition, removed) => {
                if let Some(changes) = partitions[usize::from(partition)].last_mut() {
                    changes.removed.extend(removed);
                }
            }
            PartContent::Growth(rollup) => *growth = rollup,
            PartContent::Links(pairs) => linked.push(pairs),
            PartContent::Unlinked(visitors) => {
                for visitor in &visitors {
                    links.remove(visitor);
                }
            }
        }
    }
    for (visitor, user) in linked.into_iter().flatten() {
        links.insert(&visitor, &user);
    }
}

impl Pipeline {
    /// All state of users and links, and where the log stands, as one base: the same state gives the same bytes. Counts
    /// are left out, but for that of the forgotten. Outputs already handed out are not in it, though they may still wait for the watermark somewhere.
    pub fn save(&self) -> Vec<u8> {
        let mut saved = Vec::new();
        let written = self.save_into(|bytes| {
            saved.extend_from_slice(bytes);
            Ok::<(), CodecError>(())
        });
        written.expect("no user of a test is larger than a block can be");
        saved
    }

    /// The same as [`save`](Pipeline::save), handed out piece by piece.
    ///
    /// # Errors
    /// Those of `sink`, and a user larger than a block can be.
    pub fn save_into<E: From<CodecError>>(&self, mut sink: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let head = CheckpointHeader {
            kind: CheckpointKind::Base,
            number: 0,
            base: 0,
            previous: 0,
            sequence: 0,
            position: self.position,
            fired: self.fired.max(Timestamp::MIN),
            forgotten: self.forgotten_count,
            latest_read: self.latest_read,
            rules: self.plan.rules.version.clone(),
            rules_changes: self.rules_changes.0,
            rules_changed_at: self.rules_changes.1,
            partitions: u16::try_from(self.partitions.len()).unwrap_or(u16::MAX),
            stream: None,
            program: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let mut encoder = CheckpointEncoder::new(&self.plan, &head)?;
        for (partition, number) in self.partitions.iter().zip(0..) {
            let mut users: Vec<Cow<'_, User>> = partition.users().collect();
            users.sort_unstable_by(|a, b| a.id.cmp(&b.id));
            encoder.users(number, users)?;
            sink(&encoder.take())?;
        }
        // In another order than they were made in, since that does not come back through several files.
        let mut pairs: Vec<(&str, &str)> = self.links.iter().collect();
        pairs.sort_unstable();
        let mut links = IdentityLinks::default();
        for (visitor, user) in pairs {
            links.insert(visitor, user);
        }
        encoder.links(&links.cut(true))?;
        if let Some((rollup, today)) = self.growth_cut() {
            encoder.growth(&rollup.stored(today))?;
        }
        sink(&encoder.finish()?.0)
    }

    /// A pipeline that goes on where a checkpoint was cut, with as many partitions and workers as `options` say. Counts
    /// begin at 0, but for that of the forgotten.
    ///
    /// Under other rules than those saved under it is a [change of rules](Pipeline::change_rules) as well, of which the first
    /// outputs tell. What the rules of then had made due, and had not fired yet, is lost: where those are known, restore under
    /// them, [fire](Pipeline::fire), and change the rules.
    ///
    /// # Errors
    /// A user stands there twice, or in another's partition; or the system refuses to start the threads.
    pub fn restore(
        plan: Arc<ExecutionPlan>,
        options: PipelineOptions,
        restored: RestoredPipeline,
    ) -> Result<Pipeline, RestoreError> {
        let RestoredPipeline { head, links, partitions, growth } = restored;
        let mut pipeline = Pipeline::new(Arc::clone(&plan), options)?;
        pipeline.latest_read = head.latest_read;
        pipeline.position = head.position;
        pipeline.forgotten_count = head.forgotten;
        pipeline.rules_changes = (head.rules_changes, head.rules_changed_at);
        pipeline.links = links;
        pipeline.rollup = growth.or(pipeline.rollup).filter(|_| plan.growth.is_some());
        let (watermark, count) = (pipeline.watermark(), pipeline.partitions.len());
        pipeline.fired = head.fired.min(watermark);
        let (same_count, same_rules) = (partitions.len() == count, head.rules == plan.rules.version);
        let change = (!same_rules).then(|| pipeline.next_rules_change());
        // Nothing fires before then any more.
        let due_from = pipeline.fired;
        let by_partition = if same_count && same_rules {
            pipeline.cutting.know_changes();
            partitions
        } else {
            distributed(partitions, count)
        };
        let decoding = pipeline.decoding();
        let rules_changes = pipeline.rules_changes;
        let attach = |(at, (partition, users)): (usize, (&mut Partition, Vec<PackedUser>))| {
            let mut outputs = Vec::new();
            partition.note_rules_change(rules_changes.0, rules_changes.1);
            for packed in users {
                let mut user = packed.unpack();
                if partition_of(&user.id, count) != at || partition.user(&user.id).is_some() {
                    return Err(CodecError::UserTwice);
                }
                match &change {
                    Some(change) => partition.attach_under_other_rules(&plan, user, change, &mut outputs),
                    None => {
                        user.segments_due = user.segments_due.max(due_from);
                        partition.attach(user);
                    }
                }
            }
            partition.track_changes();
            Ok(outputs)
        };
        let partitions = &mut pipeline.partitions;
        let attached =
            || partitions.par_iter_mut().zip(by_partition).enumerate().map(attach).collect::<Result<Vec<_>, _>>();
        pipeline.pending = decoding.install(attached)?.concat();
        if let (Some(growth), Some(rollup)) = (&plan.growth, &mut pipeline.rollup) {
            let users = pipeline.partitions.iter().flat_map(Partition::users);
            add_missing_funnel_windows(rollup, growth, |add| {
                users.for_each(|user| user.growth.iter().for_each(|state| add(state)))
            });
        }
        pipeline.merge_growth(&plan);
        // What is linked from here on is new.
        pipeline.links.cut(true);
        Ok(pipeline)
    }

    /// Goes on under other rules from here, between two events. The state of features that both define alike is kept,
    /// new ones begin empty; every user is evaluated once, at the watermark or at the user's clock where that is ahead
    /// of it: what that changes is appended to `out`, and sets no campaign off. What the old rules made due must have
    /// [fired](Pipeline::fired).
    pub fn change_rules(&mut self, next: Arc<ExecutionPlan>, out: &mut Vec<Output>) {
        self.snapshot_rest();
        self.cutting.lose_changes();
        let (change, plan) = (self.next_rules_change(), Arc::clone(&self.plan));
        let changed = |partition: &mut Partition| {
            let (mut changed, mut outputs) = (partition.emptied(&plan, &next), Vec::new());
            changed.note_rules_change(change.number, change.latest_read);
            let users = translate(&plan, &next, partition.users());
            for user in users.expect("what was written just now can be read") {
                changed.attach_under_other_rules(&next, user, &change, &mut outputs);
            }
            *partition = changed;
            outputs
        };
        let partitions = &mut self.partitions;
        let outputs: Vec<Vec<Output>> = self.decoding.install(|| partitions.par_iter_mut().map(changed).collect());
        out.append(&mut self.pending);
        out.extend(outputs.into_iter().flatten());
        self.rollup = next.growth.as_ref().map(|growth| {
            let kept = plan.growth.as_ref().zip(self.rollup.as_ref());
            let kept =
                kept.and_then(|(before, rollup)| Some(rollup.migrated(&GrowthMigration::new(before.keys(), growth)?)));
            Box::new(kept.unwrap_or_else(|| Rollup::new(growth)))
        });
        self.decoding.change_decoder(self.options.decoder(&next.rules));
        self.plan = next;
        self.seen.begin_anew();
        self.advance_to(change.watermark, out);
    }

    /// Counts a change of the rules that happens here.
    fn next_rules_change(&mut self) -> RulesChange {
        self.rules_changes = (self.rules_changes.0 + 1, self.latest_read);
        RulesChange {
            number: self.rules_changes.0,
            watermark: self.watermark(),
            latest_read: self.latest_read,
            position: self.position,
        }
    }
}

/// The same users, each in its partition out of so many.
fn distributed(partitions: Vec<Vec<PackedUser>>, count: usize) -> Vec<Vec<PackedUser>> {
    let mut by_partition: Vec<Vec<PackedUser>> = Vec::new();
    by_partition.resize_with(count, Vec::new);
    for user in partitions.into_iter().flatten() {
        by_partition[partition_of(user.id(), count)].push(user);
    }
    by_partition
}

#[cfg(test)]
mod tests {
    use super::*;
    use rekindle_core::partition::{Cause, OutputKind};
    use rekindle_core::rules;

    const RULES: &str = "[events]\nview = \"View\"\n[[segments]]\nid = \"s\"\nwhen = \"total(view) >= 2\"\n";
    const VIEW: &str =
        r#"{"type":"track","event":"View","userId":"u","anonymousId":"a","timestamp":"2026-03-02T00:00:00Z"}"#;
    const LATER: &str = r#"{"type":"page","userId":"other","timestamp":"2026-03-02T01:00:05Z"}"#;

    fn plan(text: &str) -> Arc<ExecutionPlan> {
        Arc::new(ExecutionPlan::new(rules::compile(text).unwrap_or_else(|_| unreachable!("the rules have no mistake"))))
    }

    fn saved() -> Vec<u8> {
        let options = PipelineOptions { workers: 1, ..PipelineOptions::default() };
        let mut pipeline = Pipeline::new(plan(RULES), options).expect("threads start");
        pipeline.feed(format!("{VIEW}\n{LATER}\n").as_bytes(), &mut |_| {}, &mut Vec::new());
        pipeline.save()
    }

    fn restore(text: &str, saved: &[u8]) -> Result<Pipeline, RestoreError> {
        let plan = plan(text);
        let restored = RestoredPipeline::read(&plan, &[saved]).map_err(|(_, error)| error)?;
        Pipeline::restore(plan, PipelineOptions { workers: 1, partitions: 3, ..PipelineOptions::default() }, restored)
    }

    #[test]
    fn users_links_and_where_the_log_stands_come_back() {
        let pipeline = restore(RULES, &saved()).expect("what was saved");
        let watermark = Timestamp::parse_rfc3339("2026-03-02T01:00:00Z").expect("a time");
        assert_eq!((pipeline.watermark(), pipeline.position), (watermark, 2));
        assert_eq!((pipeline.totals().users, pipeline.totals().links), (2, 1));
    }

    #[test]
    fn other_rules_take_effect_at_the_watermark() {
        let mut pipeline = restore(&RULES.replace(">= 2", ">= 1"), &saved()).expect("what was saved");
        let (watermark, mut outputs) = (pipeline.watermark(), Vec::new());
        pipeline.feed(b"", &mut |_| {}, &mut outputs);
        assert_eq!(outputs.iter().map(|output| (&*output.user, output.at)).collect::<Vec<_>>(), [("u", watermark)]);
        let cause = |output: &Output| match &output.decided {
            OutputKind::Transition { cause, .. } => cause.clone(),
            other => unreachable!("{other:?}"),
        };
        assert_eq!(outputs.iter().map(cause).collect::<Vec<_>>(), [Cause::Rules { change: 1 }]);
    }

    #[test]
    fn what_was_not_saved_is_refused() {
        let saved = saved();
        for end in [0, 3, 15, saved.len() - 1] {
            assert!(matches!(restore(RULES, &saved[..end]), Err(RestoreError::State(_))), "{end} bytes");
        }
    }
}
