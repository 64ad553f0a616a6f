//! Records of what was changed: who, what, when, and what came of it. The API makes them, and the daemon of what it does itself; it
//! puts them into the log.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::daemon::wall_clock;

/// The most bytes of a record's detail.
const DETAIL_BYTES_MAX: usize = 1_000;

/// How many records are kept in memory.
pub const RECORDS_MAX: usize = 1_000;

/// A record of a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditRecord {
    /// Tells it from every other one.
    pub id: String,
    /// When, by the daemon's clock.
    #[schema(format = DateTime)]
    pub at: String,
    /// Who.
    pub who: AuditedRequester,
    /// What.
    pub what: AuditedChange,
    /// What came of it.
    pub outcome: AuditOutcome,
    /// The user whom it is about; null: it is about none.
    #[serde(default)]
    pub user: Option<String>,
    /// The fingerprint of the rules that it is about; null: it is about none, or they were refused.
    #[serde(default)]
    pub version: Option<String>,
    /// The fingerprint of the rules that they replaced; null: they replaced none.
    #[serde(default)]
    pub previous: Option<String>,
    /// More for people, such as why it was refused; may be empty.
    #[serde(default)]
    pub detail: String,
}

/// Who made a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditedRequester {
    /// Their role; `daemon` where the daemon did it: at its start, by SIGHUP, or as the end of what somebody had begun.
    pub role: String,
    /// `token`, `session` and its name, or `local` where there is no token; `start` and `signal` of the daemon.
    pub name: String,
    /// Where the connection came from; null: that is not known.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub address: Option<IpAddr>,
}

/// What was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuditedChange {
    /// A text became the rules file.
    RulesChanged,
    /// A text became the rules file, and the log is read under it.
    RulesChangedFromLog,
    /// The rules file was reloaded.
    RulesReloaded,
    /// The log is read under the rules file.
    RulesReloadedFromLog,
    /// A reload from the log was cancelled.
    ReloadCancelled,
    /// A user was forgotten.
    UserForgotten,
    /// What a user consents to was recorded.
    ConsentRecorded,
    /// Somebody signed in.
    SignedIn,
    /// Somebody signed out.
    SignedOut,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuditOutcome {
    /// It took effect.
    Done,
    /// It was taken on, and takes effect later.
    Begun,
    /// It changed nothing, because it was so already.
    Unchanged,
    /// It changed nothing, because it was refused, or failed.
    Refused,
}

/// A record with its place in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct LoggedAudit {
    /// The record.
    #[serde(flatten)]
    pub record: AuditRecord,
    /// The sequence number of its message; null: it is not in the log, or not yet.
    pub sequence: Option<u64>,
}

impl AuditedRequester {
    /// The daemon itself, at its start, by a signal, or for somebody who had begun something.
    pub fn daemon(name: &str) -> AuditedRequester {
        AuditedRequester { role: "daemon".to_owned(), name: name.to_owned(), address: None }
    }
}

impl AuditRecord {
    /// A record of now, about nobody and no rules.
    pub fn new(who: AuditedRequester, what: AuditedChange, outcome: AuditOutcome) -> AuditRecord {
        let (id, at) = (nuid::next().to_string(), wall_clock().to_string());
        AuditRecord { id, at, who, what, outcome, user: None, version: None, previous: None, detail: String::new() }
    }

    /// With more for people, of which as much is kept as fits.
    pub fn with_detail(self, detail: impl Into<String>) -> AuditRecord {
        let mut detail = detail.into();
        let end = (0..=DETAIL_BYTES_MAX.min(detail.len())).rev().find(|end| detail.is_char_boundary(*end));
        detail.truncate(end.unwrap_or_default());
        AuditRecord { detail, ..self }
    }

    /// The name of the change, as in documents.
    pub fn name(&self) -> String {
        serde_json::to_value(self.what).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
    }
}

/// The newest records, of a process without a log.
#[derive(Debug, Default)]
pub struct AuditMemory {
    /// Oldest first.
    records: Mutex<VecDeque<AuditRecord>>,
}

impl AuditMemory {
    /// Keeps a record; the oldest makes room.
    pub fn add(&self, record: AuditRecord) {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        if records.len() >= RECORDS_MAX {
            records.pop_front();
        }
        records.push_back(record);
    }

    /// The newest, newest first.
    pub fn newest(&self, limit: usize) -> Vec<LoggedAudit> {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.iter().rev().take(limit).map(|record| LoggedAudit { record: record.clone(), sequence: None }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(number: usize) -> AuditRecord {
        let who = AuditedRequester { role: "operator".to_owned(), name: "local".to_owned(), address: None };
        let detail = number.to_string();
        AuditRecord::new(who, AuditedChange::RulesReloaded, AuditOutcome::Done).with_detail(detail)
    }

    #[test]
    fn a_record_is_read_back_as_it_was_written() {
        let written = AuditRecord { user: Some("u".to_owned()), ..record(1).with_detail("ä".repeat(600)) };
        assert_eq!((written.detail.len(), written.name().as_str()), (1_000, "rules_reloaded"));
        let text = serde_json::to_string(&written).expect("JSON");
        assert_eq!(serde_json::from_str::<AuditRecord>(&text).expect("a record"), written);
    }

    #[test]
    fn the_newest_are_kept_in_memory() {
        let memory = AuditMemory::default();
        (0..RECORDS_MAX + 3).for_each(|number| memory.add(record(number)));
        let newest = memory.newest(2);
        let details: Vec<_> = newest.iter().map(|logged| logged.record.detail.clone()).collect();
        assert_eq!(details, [(RECORDS_MAX + 2).to_string(), (RECORDS_MAX + 1).to_string()]);
        assert_eq!(memory.newest(usize::MAX).len(), RECORDS_MAX);
    }
}
