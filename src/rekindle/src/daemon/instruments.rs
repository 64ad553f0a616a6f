//! Handles to the daemon's parts, for metrics, health and the HTTP API.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;

use super::{AuditTrail, MissingNamesStatus, RulesReloader, StreamHistory, UserRequestPublisher};
use crate::backtests::Backtests;
use crate::metrics::CheckpointMetrics;
use rekindle_nats::NatsConnection;
use rekindle_nats::sink::SinkStatus;
use rekindle_nats::source::SourceStatus;
use rekindle_runtime::health::Health;
use rekindle_runtime::live::EngineHandle;

/// Handles to the daemon's parts. Cheap to clone.
#[derive(Clone)]
pub struct Instruments {
    /// The engine.
    pub live: EngineHandle,
    /// Which parts do not work.
    pub health: Health,
    /// The sink's figures.
    pub sink: Arc<SinkStatus>,
    /// The connection and the source's figures, once there is a connection.
    pub connected: watch::Receiver<Option<ConnectedBroker>>,
    /// Reloads of the rules.
    pub reloader: Arc<RulesReloader>,
    /// The names that the rules read and that do not occur in the log.
    pub missing_names: Arc<MissingNamesStatus>,
    /// Requests about users.
    pub requests: Arc<UserRequestPublisher>,
    /// Records of changes.
    pub audit: Arc<AuditTrail>,
    /// What the log says of one user.
    pub history: Arc<StreamHistory>,
    /// Rules tried on the log.
    pub backtests: Arc<Backtests>,
    /// The metrics of checkpoints.
    pub checkpoints: Arc<CheckpointMetrics>,
    /// When the daemon started.
    pub started: Instant,
}

/// Handles that exist only once there is a connection.
#[derive(Clone, Debug)]
pub struct ConnectedBroker {
    /// The connection.
    pub connection: NatsConnection,
    /// The source's figures.
    pub source: Arc<SourceStatus>,
}
