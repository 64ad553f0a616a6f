//! What the engine can be asked, and why it may refuse.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use thiserror::Error;
use tokio::sync::oneshot;

use super::EngineBusy;
use super::recovery::Recovery;
use super::snapshot::{CompletedSnapshot, SnapshotError, SnapshotStart};
use crate::output::batch::RulesActivation;
use crate::pipeline::{AskedPicks, FoundUsers, Pipeline, RowReport, UserCopy, UserExport};
use crate::store::StoreError;
use rekindle_core::groups::GroupKeysPage;
use rekindle_core::identity::LinksSnapshot;
use rekindle_core::partition::{ExecutionPlan, GroupReport, UserReport};
use rekindle_core::partners::PartnerSubject;
use rekindle_core::picks::Pick;

/// What a [handle](super::EngineHandle) asks of the engine. It is answered between two batches.
pub(super) enum EngineRequest {
    /// Reports a user.
    Describe {
        /// The user.
        user: String,
        /// Receives the answer.
        reply: oneshot::Sender<Option<UserReport>>,
    },
    /// Copies a user's state.
    CopyUser {
        /// The user.
        user: String,
        /// Receives the answer.
        reply: oneshot::Sender<Option<UserCopy>>,
    },
    /// Exports everything that is stored about a user.
    Export {
        /// The user.
        user: String,
        /// Receives the answer.
        reply: oneshot::Sender<Option<UserExport>>,
    },
    /// Finds users by a text.
    SearchUsers {
        /// The text.
        text: String,
        /// The most users that are found.
        limit: usize,
        /// Receives the answer.
        reply: oneshot::Sender<FoundUsers>,
    },
    /// Reports a group.
    DescribeGroup {
        /// The id of the `[groups.G]`.
        of: String,
        /// The key.
        key: String,
        /// Receives the answer.
        reply: oneshot::Sender<Option<GroupReport>>,
    },
    /// Lists groups in a segment.
    GroupKeys {
        /// The segment.
        segment: String,
        /// Only keys above this one.
        after: String,
        /// The most keys.
        limit: usize,
        /// Receives the answer; `None`: there is no such segment of groups.
        reply: oneshot::Sender<Option<GroupKeysPage>>,
    },
    /// Reports a row of a table.
    DescribeRow {
        /// The id of the `[tables.T]`.
        table: String,
        /// The key.
        key: String,
        /// Receives the answer.
        reply: oneshot::Sender<Option<RowReport>>,
    },
    /// Works out a list of picks.
    Picks {
        /// What is asked.
        asked: AskedPicks,
        /// Receives the answer; `None`: there is no such list.
        reply: oneshot::Sender<Option<Vec<Pick>>>,
    },
    /// Under which subjects users are shared with a partner.
    PartnerSubjects {
        /// The partner.
        partner: String,
        /// For which of its segments.
        segment: String,
        /// Which users.
        users: Vec<Arc<str>>,
        /// Receives the subjects of those that are shared.
        reply: oneshot::Sender<Vec<PartnerSubject>>,
    },
    /// Finds the users that forgetting an id would delete.
    AffectedUsers {
        /// The id.
        id: String,
        /// Receives the answer.
        reply: oneshot::Sender<Vec<Arc<str>>>,
    },
    /// Makes other rules take effect here.
    ChangeRules {
        /// The rules.
        plan: Arc<ExecutionPlan>,
        /// Records durably where they take effect, before they do.
        recorder: RulesChangeRecorder,
        /// Receives the result.
        reply: oneshot::Sender<Result<RulesActivation, RulesChangeError>>,
    },
    /// What a pipeline that reads the log's past begins with.
    BeginPast {
        /// Receives the answer.
        reply: oneshot::Sender<PastBeginning>,
    },
    /// Makes the rules of a pipeline that has read the log's past take effect here.
    TakeOver {
        /// The pipeline, which is asked to read up to here.
        past: AwaitedPast,
        /// The number of rules changes when it began: there must have been none since.
        generation: u64,
        /// Records durably where they take effect, before they do.
        recorder: RulesChangeRecorder,
        /// Receives the result.
        reply: oneshot::Sender<Result<RulesActivation, RulesChangeError>>,
    },
    /// Replaces the pipeline before the recovery starts.
    ReplacePipeline(Box<Pipeline>, EngineStart),
    /// Starts the recovery.
    Recover(Recovery),
    /// Takes a snapshot and writes it as a checkpoint.
    Snapshot {
        /// All users, not only those changed since the last snapshot.
        full: bool,
        /// Opens the checkpoint's writer.
        begin: SnapshotStart,
        /// Receives the result once the snapshot is complete.
        reply: oneshot::Sender<Result<CompletedSnapshot, SnapshotError>>,
    },
}

impl EngineRequest {
    /// Answers a request that only reads; gives back any other.
    pub(super) fn answer_read(self, pipeline: &Pipeline) -> Option<EngineRequest> {
        match self {
            EngineRequest::Describe { user, reply } => drop(reply.send(pipeline.report(&user))),
            EngineRequest::CopyUser { user, reply } => drop(reply.send(pipeline.copy_of(&user))),
            EngineRequest::Export { user, reply } => drop(reply.send(pipeline.export(&user))),
            EngineRequest::SearchUsers { text, limit, reply } => drop(reply.send(pipeline.search(&text, limit))),
            EngineRequest::DescribeGroup { of, key, reply } => drop(reply.send(pipeline.group_report(&of, &key))),
            EngineRequest::GroupKeys { segment, after, limit, reply } => {
                drop(reply.send(pipeline.group_keys(&segment, &after, limit)));
            }
            EngineRequest::DescribeRow { table, key, reply } => drop(reply.send(pipeline.row_report(&table, &key))),
            EngineRequest::Picks { asked, reply } => drop(reply.send(pipeline.picks_for(&asked))),
            EngineRequest::PartnerSubjects { partner, segment, users, reply } => {
                drop(reply.send(pipeline.partner_subjects(&partner, &segment, &users)));
            }
            EngineRequest::AffectedUsers { id, reply } => drop(reply.send(pipeline.affected_users(&id))),
            other => return Some(other),
        }
        None
    }
}

/// The position at which an engine starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineStart {
    /// The last record of the log that the pipeline has applied.
    pub sequence: u64,
    /// The number of rules changes up to there.
    pub generation: u64,
}

/// What a pipeline that reads the log's past begins with.
#[derive(Debug)]
pub struct PastBeginning {
    /// The links of visitors, which may be older than what is left of the log.
    pub links: LinksSnapshot,
    /// Whether the engine knows when its log began.
    pub knows_beginning: bool,
    /// The number of rules changes so far.
    pub generation: u64,
}

/// A pipeline that has read the log's past, but for the last few records.
pub struct AwaitedPast {
    /// Is told up to which record it is to read.
    pub through: oneshot::Sender<u64>,
    /// Then comes the pipeline.
    pub pipeline: oneshot::Receiver<Box<Pipeline>>,
}

/// Records durably that other rules take effect after this sequence of the log; returns the number of the change, from 1.
pub type RulesChangeRecorder = Box<dyn FnOnce(u64) -> BoxFuture<'static, Result<u64, StoreError>> + Send>;

/// Why the rules did not change.
#[derive(Debug, Error)]
pub enum RulesChangeError {
    /// The engine does not answer.
    #[error(transparent)]
    Busy(#[from] EngineBusy),
    /// The engine is recovering.
    #[error(
        "the daemon is recovering: it replays the part of the log whose outputs are already published (/readyz and rekindle_recovering report the end of it); retry then"
    )]
    Recovering,
    /// Other rules took effect since the log's past was first read.
    #[error("other rules took effect while the log was read")]
    OtherRules,
    /// What they make of the log's past was not there in time.
    #[error("what the rules make of the log's past did not catch up with the live engine in time")]
    PastIsLate,
    /// Their position could not be recorded.
    #[error("could not record the change of the rules in the checkpoint store: {0}")]
    NotRecorded(#[source] StoreError),
}
