//! Restore: a base and the deltas that continue it become a pipeline again, also under other rules.
//!
//! Reading verifies every file; building verifies that each user is in its partition, once.

use std::sync::Arc;

use rayon::prelude::*;
use thiserror::Error;

use super::beats::SharedState;
use super::recent_history::RecentHistory;
use super::{Pipeline, PipelineOptions};
use rekindle_core::budgets::StoredBook;
use rekindle_core::campaigns::StoredWeights;
use rekindle_core::checkpoint::{
    CheckpointFile, CheckpointHeader, CheckpointKind, CodecError, PartContent, PartitionDelta, StoredShared, merge,
};
use rekindle_core::goals::UpliftCounts;
use rekindle_core::groups::{Group, GroupMatch, StoredGroups};
use rekindle_core::growth::{Rollup, add_missing_funnel_windows};
use rekindle_core::identity::IdentityLinks;
use rekindle_core::partition::{ExecutionPlan, PackedUser, Partition, TimerMark};
use rekindle_core::picks::{PickRecord, StoredPicks};
use rekindle_core::ranks::StoredRankTaking;
use rekindle_core::route::partition_of;
use rekindle_core::rows::{Row, RowUpdate, TableRows};
use rekindle_core::rules::ruleset::{GroupId, PickListId, TableId};
use rekindle_core::secret::SecretFingerprint;

/// A pipeline that cannot be restored.
#[derive(Debug, Error)]
pub enum RestoreError {
    /// The checkpoint can't be read.
    #[error("could not read the checkpoint: {0}")]
    State(#[from] CodecError),
    /// Draws would go on differently.
    #[error(
        "the checkpoint was written with another secret (its fingerprint is {found}, and that of the secret given now \
         {given}): name the file that it was written with (secret_file, --secret-file), or start without the checkpoint"
    )]
    OtherSecret {
        /// The fingerprint of the checkpoint's.
        found: SecretFingerprint,
        /// The fingerprint of the one that was given.
        given: SecretFingerprint,
    },
    /// The workers can't be started.
    #[error("could not start the worker threads: {0}")]
    Workers(#[from] rayon::ThreadPoolBuildError),
}

/// The state of a pipeline, as it was read from a base and the deltas that continue it.
#[derive(Debug)]
pub struct RestoredPipeline {
    /// The header of the last file, with the position in the log.
    pub head: CheckpointHeader,
    /// All links.
    pub links: IdentityLinks,
    /// All users, by the partition they were in.
    pub partitions: Vec<Vec<PackedUser>>,
    /// The rollup of the growth numbers; `None`: it starts empty, or there is none.
    pub growth: Option<Box<Rollup>>,
    /// The counts of goals.
    pub uplift: UpliftCounts,
    /// What users share.
    pub shared: StoredShared,
    /// What is there beside the state.
    pub recent: RecentHistory,
}

impl RestoredPipeline {
    /// Reads a base and the deltas that continue it, oldest first, for these rules. The work is distributed over the threads
    /// of the pool that it is called in.
    ///
    /// # Errors
    /// A file is damaged or no checkpoint, or does not continue the one before; with its index in `files`.
    pub fn read(plan: &ExecutionPlan, files: &[&[u8]]) -> Result<RestoredPipeline, (usize, CodecError)> {
        let mut last: Option<CheckpointHeader> = None;
        let mut links = IdentityLinks::default();
        let (mut growth, mut uplift, mut shared) = (None, UpliftCounts::default(), StoredShared::default());
        let mut rows = TableRows::new(&plan.rules);
        let mut recent = RecentHistory::default();
        let mut partitions: Vec<Vec<PartitionDelta>> = Vec::new();
        for (index, bytes) in files.iter().enumerate() {
            let (head, contents) = read_one(plan, last.as_ref(), bytes).map_err(|error| (index, error))?;
            if last.is_none() {
                partitions.resize_with(usize::from(head.partitions), Vec::new);
            }
            for of_partition in &mut partitions {
                of_partition.push(PartitionDelta::default());
            }
            // Each file has all groups, all that stands of picks, and all calls that wait for rows.
            shared.groups = StoredGroups::default();
            shared.rows.waiting.clear();
            (shared.ranks, shared.weights) = Default::default();
            let mut picks = Vec::new();
            for content in add_contents(contents, &mut partitions, &mut links, &mut recent) {
                match content {
                    AggregateContent::Growth(rollup) => growth = rollup,
                    AggregateContent::Uplift(counts) => uplift = counts,
                    AggregateContent::Budgets(book) => shared.budgets = Some(book),
                    AggregateContent::Groups(groups) => shared.groups.groups.extend(groups),
                    AggregateContent::GroupMatches(matches) => shared.groups.waiting.extend(matches),
                    AggregateContent::Picks(records) => picks.extend(records),
                    AggregateContent::Rows(changed) => {
                        changed.into_iter().for_each(|(table, key, row)| rows.put(table, key, row));
                    }
                    AggregateContent::RemovedRows(gone) => {
                        gone.into_iter().for_each(|(table, key)| rows.remove(table, &key));
                    }
                    AggregateContent::RowUpdates(updates) => shared.rows.waiting.extend(updates),
                    AggregateContent::RankTakings(takings) => shared.ranks.extend(takings),
                    AggregateContent::Weights(stored) => shared.weights.extend(stored),
                }
            }
            let stored = StoredPicks::of_records(&plan.rules, picks);
            shared.picks = stored.ok_or((index, CodecError::Picks))?;
            last = Some(head);
        }
        let Some(head) = last else { return Err((0, CodecError::NotACheckpoint)) };
        shared.rows.rows = Arc::new(rows);
        let partitions = partitions.into_par_iter().map(merge).collect();
        Ok(RestoredPipeline { head, links, partitions, growth, uplift, shared, recent })
    }
}

/// Reads one file, all of its parts in parallel.
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

/// What a file has of all users together: each file has all of it, but of rows a delta has those that changed.
enum AggregateContent {
    Growth(Option<Box<Rollup>>),
    Uplift(UpliftCounts),
    Budgets(StoredBook),
    Groups(Vec<(GroupId, Group)>),
    GroupMatches(Vec<GroupMatch>),
    Picks(Vec<(PickListId, PickRecord)>),
    Rows(Vec<(TableId, Arc<str>, Row)>),
    RemovedRows(Vec<(TableId, Arc<str>)>),
    RowUpdates(Vec<RowUpdate>),
    RankTakings(Vec<StoredRankTaking>),
    Weights(Vec<StoredWeights>),
}

/// Adds the contents of a file; removals come before additions. Returns what is of no user.
fn add_contents(
    contents: Vec<PartContent>,
    partitions: &mut [Vec<PartitionDelta>],
    links: &mut IdentityLinks,
    recent: &mut RecentHistory,
) -> Vec<AggregateContent> {
    let (mut linked, mut aggregates, mut decided) = (Vec::new(), Vec::new(), Vec::new());
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
            PartContent::Growth(rollup) => aggregates.push(AggregateContent::Growth(rollup)),
            PartContent::Uplift(counts) => aggregates.push(AggregateContent::Uplift(counts)),
            PartContent::Budgets(book) => aggregates.push(AggregateContent::Budgets(book)),
            PartContent::ForgottenDecisions(forgotten) => recent.forget(forgotten),
            PartContent::Decisions(decisions) => decided.extend(decisions),
            PartContent::SegmentHours(hours) => recent.add_hours(hours),
            PartContent::Groups(groups) => aggregates.push(AggregateContent::Groups(groups)),
            PartContent::GroupMatches(matches) => aggregates.push(AggregateContent::GroupMatches(matches)),
            PartContent::Picks(records) => aggregates.push(AggregateContent::Picks(records)),
            PartContent::Rows(rows) => aggregates.push(AggregateContent::Rows(rows)),
            PartContent::RemovedRows(rows) => aggregates.push(AggregateContent::RemovedRows(rows)),
            PartContent::RowUpdates(updates) => aggregates.push(AggregateContent::RowUpdates(updates)),
            PartContent::RankTakings(takings) => aggregates.push(AggregateContent::RankTakings(takings)),
            PartContent::Weights(stored) => aggregates.push(AggregateContent::Weights(stored)),
            PartContent::Links(pairs) => linked.push(pairs),
            PartContent::Unlinked(visitors) => visitors.iter().for_each(|visitor| _ = links.remove(visitor)),
        }
    }
    for (visitor, user) in linked.into_iter().flatten() {
        links.insert(&visitor, &user);
    }
    recent.decisions.extend(decided);
    aggregates
}

impl Pipeline {
    /// Builds a pipeline that continues where a checkpoint was taken, with the number of partitions and workers that
    /// `options` give. Counts begin at 0, except that of forgotten users.
    ///
    /// If the rules are not those of the checkpoint, it is a [rules change](Pipeline::change_rules) as well, and the first
    /// outputs are its result. Timers that were due under the former rules and had not fired are lost: if those rules are
    /// known, restore under them, [fire](Pipeline::fire_timers), and change the rules.
    ///
    /// # Errors
    /// A user is there twice, or in another user's partition; the checkpoint was written with another secret; or the system
    /// refuses to start the threads.
    pub fn restore(
        plan: Arc<ExecutionPlan>,
        options: PipelineOptions,
        restored: RestoredPipeline,
    ) -> Result<Pipeline, RestoreError> {
        let RestoredPipeline { head, links, partitions, growth, uplift, shared, recent } = restored;
        let (found, given) = (head.secret, options.secret.fingerprint());
        if found != given {
            return Err(RestoreError::OtherSecret { found, given });
        }
        let mut pipeline = Pipeline::new(Arc::clone(&plan), options)?;
        pipeline.latest_read = head.latest_read;
        pipeline.position = head.position;
        pipeline.forgotten_count = head.forgotten;
        pipeline.rules_changes = (head.rules_changes, head.rules_changed_at);
        pipeline.known = head.known;
        pipeline.links = links;
        pipeline.recent = recent;
        pipeline.uplift = Arc::new(uplift);
        pipeline.shared = SharedState::restored(&plan, &pipeline.options.secret, shared);
        pipeline.show_rows();
        pipeline.rollup = growth.or(pipeline.rollup).filter(|_| plan.growth.is_some());
        let (watermark, count) = (pipeline.watermark(), pipeline.partitions.len());
        pipeline.fired = TimerMark::through(head.fired.min(watermark));
        let (same_count, same_rules) = (partitions.len() == count, head.rules == plan.rules.version);
        let change = (!same_rules).then(|| pipeline.next_rules_change());
        // No timers fire before then again.
        let due_from = pipeline.fired();
        let by_partition = if same_count && same_rules {
            pipeline.snapshot.track_changes();
            if let Some(shared) = &mut pipeline.shared {
                shared.rows.track_changes();
            }
            partitions
        } else {
            distributed(partitions, count)
        };
        let decoder = pipeline.decoder();
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
        pipeline.pending_outputs = decoder.install(attached)?.concat();
        if let Some(change) = change {
            let mut outputs = std::mem::take(&mut pipeline.pending_outputs);
            pipeline.change_rules_of_groups(&plan, change.watermark, None, &mut outputs);
            pipeline.pending_outputs = outputs;
        }
        if let (Some(growth), Some(rollup)) = (&plan.growth, &mut pipeline.rollup) {
            let users = pipeline.partitions.iter().flat_map(Partition::users);
            add_missing_funnel_windows(rollup, growth, |add| {
                users.for_each(|user| user.growth.iter().for_each(|state| add(state)))
            });
        }
        pipeline.merge_aggregates(&plan);
        if let Some(shared) = &mut pipeline.shared {
            shared.collect_arrived(&mut pipeline.partitions);
        }
        pipeline.begin_takings();
        pipeline.hand_out_takings();
        // The next snapshot has the links made from here on.
        pipeline.links.snapshot(true);
        Ok(pipeline)
    }
}

/// The same users, distributed over `count` partitions.
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
    use rekindle_core::partition::{Cause, Output, OutputKind};
    use rekindle_core::rules;
    use rekindle_core::secret::DrawSecret;
    use rekindle_core::time::Timestamp;

    const RULES: &str = "[events]\nview = \"View\"\n[[segments]]\nid = \"s\"\nwhen = \"total(view) >= 2\"\n";
    const VIEW: &str =
        r#"{"type":"track","event":"View","userId":"u","anonymousId":"a","timestamp":"2026-03-02T00:00:00Z"}"#;
    const LATER: &str = r#"{"type":"page","userId":"other","timestamp":"2026-03-02T01:00:05Z"}"#;

    fn plan(text: &str) -> Arc<ExecutionPlan> {
        Arc::new(ExecutionPlan::new(rules::compile(text).unwrap_or_else(|_| unreachable!("the rules have no mistake"))))
    }

    fn checkpoint() -> Vec<u8> {
        let options = PipelineOptions { workers: 1, ..PipelineOptions::default() };
        let mut pipeline = Pipeline::new(plan(RULES), options).expect("threads start");
        pipeline.feed(format!("{VIEW}\n{LATER}\n").as_bytes(), &mut |_| {}, &mut Vec::new());
        pipeline.encode_checkpoint()
    }

    fn restore(text: &str, checkpoint: &[u8]) -> Result<Pipeline, RestoreError> {
        restore_with(DrawSecret::default(), text, checkpoint)
    }

    fn restore_with(secret: DrawSecret, text: &str, checkpoint: &[u8]) -> Result<Pipeline, RestoreError> {
        let plan = plan(text);
        let restored = RestoredPipeline::read(&plan, &[checkpoint]).map_err(|(_, error)| error)?;
        let options = PipelineOptions { workers: 1, partitions: 3, secret, ..PipelineOptions::default() };
        Pipeline::restore(plan, options, restored)
    }

    #[test]
    fn a_restore_has_the_users_the_links_and_the_position_in_the_log() {
        let pipeline = restore(RULES, &checkpoint()).expect("an intact checkpoint");
        let watermark = Timestamp::parse_rfc3339("2026-03-02T01:00:00Z").expect("a time");
        assert_eq!((pipeline.watermark(), pipeline.position), (watermark, 2));
        assert_eq!((pipeline.totals().users, pipeline.totals().links), (2, 1));
    }

    #[test]
    fn other_rules_take_effect_at_the_watermark() {
        let mut pipeline = restore(&RULES.replace(">= 2", ">= 1"), &checkpoint()).expect("an intact checkpoint");
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
    fn a_checkpoint_that_was_written_with_another_secret_is_refused() {
        let secret = |text: &str| DrawSecret::of_file(text.as_bytes());
        let refused = restore_with(secret("a"), RULES, &checkpoint()).err().expect("the checkpoint has no secret");
        let given = secret("a").fingerprint();
        let message =
            format!("with another secret (its fingerprint is none, and that of the secret given now {given})");
        assert!(refused.to_string().contains(&message), "{refused}");
        let options = PipelineOptions { workers: 1, secret: secret("a"), ..PipelineOptions::default() };
        let checkpoint = Pipeline::new(plan(RULES), options).expect("threads start").encode_checkpoint();
        assert!(restore_with(secret("a\n"), RULES, &checkpoint).is_ok());
        for other in ["b", ""] {
            let restored = restore_with(secret(other), RULES, &checkpoint);
            assert!(matches!(restored, Err(RestoreError::OtherSecret { .. })), "{other:?}");
        }
    }

    #[test]
    fn a_truncated_checkpoint_is_refused() {
        let checkpoint = checkpoint();
        for end in [0, 3, 15, checkpoint.len() - 1] {
            assert!(matches!(restore(RULES, &checkpoint[..end]), Err(RestoreError::State(_))), "{end} bytes");
        }
    }
}
