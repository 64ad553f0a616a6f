//! Records of changes: into the log, where they stand between the events that came before and after, and back from it.
//!
//! A record that can't be published yet is kept and tried again, in order; meanwhile changes are made all the same, and `/readyz` has a
//! note. Each is in the daemon's own log as well. What is read back is bounded: the newest records.
//!
//! The engine reads the messages and computes nothing of them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::{Notify, watch};
use tracing::{info, warn};

use super::ConnectedBroker;
use super::control::{ControlMessage, ControlPublisher};
use crate::api::{AuditLog, AuditUnavailable};
use crate::audit::{AuditRecord, LoggedAudit, RECORDS_MAX};
use rekindle_nats::streams::{first_message_on, stream_contents};
use rekindle_nats::{JetStreamError, NatsConnection};
use rekindle_runtime::health::Health;
use rekindle_settings::{SourceKind, SourceSettings};

/// After how long a record that could not be published is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// The same, after it has failed for a while.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(30);
/// How long a request waits for records that are being read.
const READ_TIMEOUT: Duration = Duration::from_secs(2);
/// The key of the note in `/readyz`.
const NOTE: &str = "audit";

/// Publishes records of changes into the log, and reads them back.
pub struct AuditTrail {
    log: ControlPublisher,
    health: Health,
    /// Records that are not in the log yet, oldest first.
    waiting: Mutex<VecDeque<AuditRecord>>,
    has_record: Notify,
    /// As far as the log has been read.
    read: Arc<tokio::sync::Mutex<ReadRecords>>,
}

/// Records that were read from the log.
#[derive(Debug, Default)]
struct ReadRecords {
    /// When the stream was created, in milliseconds since 1970.
    created_ms: Option<i64>,
    /// The sequence to go on with.
    next: u64,
    /// The newest, oldest first.
    records: VecDeque<LoggedAudit>,
}

impl AuditTrail {
    pub(super) fn new(
        settings: SourceSettings,
        connected: watch::Receiver<Option<ConnectedBroker>>,
        health: Health,
    ) -> AuditTrail {
        AuditTrail {
            log: ControlPublisher::new(settings, connected),
            health,
            waiting: Mutex::default(),
            has_record: Notify::new(),
            read: Arc::default(),
        }
    }

    /// Publishes records as they come.
    pub(super) async fn run(&self) {
        loop {
            self.has_record.notified().await;
            self.publish_waiting().await;
        }
    }

    /// Publishes what waits, until nothing does.
    pub(super) async fn publish_waiting(&self) {
        let mut retry_after = RETRY_AFTER;
        loop {
            let Some(record) = self.waiting().front().cloned() else { break };
            let payload = serde_json::to_string(&record).unwrap_or_default();
            let message = ControlMessage { subject: &self.log.settings.audit_subject, id: Some(&record.id), payload };
            match self.log.put(message).await {
                Ok(_) => {
                    retry_after = RETRY_AFTER;
                    self.health.note(NOTE, String::new());
                    let mut waiting = self.waiting();
                    if waiting.front().is_some_and(|front| front.id == record.id) {
                        waiting.pop_front();
                    }
                }
                Err(error) => {
                    let SourceSettings { stream, audit_subject, .. } = &self.log.settings;
                    let note = format!(
                        "records of changes can't be put into the log: {error}; stream {stream} must take in {audit_subject}, and this \
                         user must be permitted to publish there"
                    );
                    if self.health.notes().get(NOTE) != Some(&note) {
                        warn!("{note}");
                        self.health.note(NOTE, note);
                    }
                    tokio::time::sleep(retry_after).await;
                    retry_after = (retry_after * 2).min(RETRY_AFTER_MAX);
                }
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<AuditRecord>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest records of the log, oldest first.
    async fn logged(&self) -> Result<Vec<LoggedAudit>, AuditUnavailable> {
        if self.log.settings.kind != SourceKind::JetStream {
            return Ok(Vec::new());
        }
        let connection =
            self.log.connection().ok_or_else(|| AuditUnavailable("there is no connection to NATS".into()))?;
        let (read, settings) = (Arc::clone(&self.read), self.log.settings.clone());
        // It goes on when the request does not wait any longer.
        let reading = tokio::spawn(async move {
            let mut read = read.lock_owned().await;
            read.catch_up(&connection, &settings).await.map(|()| Vec::from(read.records.clone()))
        });
        match tokio::time::timeout(READ_TIMEOUT, reading).await {
            Ok(Ok(Ok(records))) => Ok(records),
            Ok(Ok(Err(error))) => Err(AuditUnavailable(error.into())),
            Ok(Err(failed)) => Err(AuditUnavailable(failed.into())),
            Err(_) => Err(AuditUnavailable("they are being read".into())),
        }
    }
}

impl ReadRecords {
    async fn catch_up(&mut self, connection: &NatsConnection, settings: &SourceSettings) -> Result<(), JetStreamError> {
        let SourceSettings { stream, audit_subject, .. } = settings;
        let contents = stream_contents(connection, stream).await?;
        if self.created_ms != Some(contents.created_ms) {
            *self = ReadRecords { created_ms: Some(contents.created_ms), ..ReadRecords::default() };
        }
        self.next = self.next.max(contents.first).max(1);
        while self.next <= contents.last {
            let Some(message) = first_message_on(connection, stream, audit_subject, self.next).await? else {
                self.next = contents.last + 1;
                break;
            };
            self.next = message.sequence + 1;
            // Whatever else somebody publishes there is no record.
            if let Ok(record) = serde_json::from_slice(&message.payload) {
                self.records.push_back(LoggedAudit { record, sequence: Some(message.sequence) });
                let excess = self.records.len().saturating_sub(RECORDS_MAX);
                self.records.drain(..excess);
            }
        }
        Ok(())
    }
}

impl AuditLog for AuditTrail {
    fn record(&self, record: AuditRecord) {
        let AuditRecord { who, user, version, outcome, .. } = &record;
        info!(
            change = record.name(), ?outcome, who = who.name, address = ?who.address, user, version,
            "something was changed, or was to be"
        );
        let mut waiting = self.waiting();
        if waiting.len() >= RECORDS_MAX {
            warn!("too many records of changes wait for the log: the oldest will not be in it");
            waiting.pop_front();
        }
        waiting.push_back(record);
        drop(waiting);
        self.has_record.notify_one();
    }

    fn newest(&self, limit: usize) -> BoxFuture<'_, Result<Vec<LoggedAudit>, AuditUnavailable>> {
        async move {
            // Before the log is read: what is published meanwhile is in both, and not in neither.
            let waiting: Vec<AuditRecord> = self.waiting().iter().cloned().collect();
            let logged = self.logged().await?;
            let is_logged = |record: &AuditRecord| logged.iter().rev().any(|other| other.record.id == record.id);
            let waiting = waiting.into_iter().rev().filter(|record| !is_logged(record));
            let waiting = waiting.map(|record| LoggedAudit { record, sequence: None });
            Ok(waiting.collect::<Vec<_>>().into_iter().chain(logged.iter().rev().cloned()).take(limit).collect())
        }
        .boxed()
    }
}
