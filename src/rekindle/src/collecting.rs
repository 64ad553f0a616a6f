//! The collector in a process: its publisher's connection, its server, its end. `rekindle collect` is nothing else;
//! `rekindle run` has one beside the engine, with a connection of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use rekindle_collect::{
    CallPublisher, CallbackSecretError, CollectInputs, CollectStatus, Collector, ProviderCallbacks, WebhookSecretError,
    Webhooks,
};
use rekindle_core::rules::ruleset::{RowTable, Ruleset};
use rekindle_nats::NatsAccess;
use rekindle_runtime::health::Health;
use rekindle_settings::{CollectSettings, Settings};
use rekindle_web::{BindError, HttpServer};

/// What is counted, for these settings.
pub(crate) fn status(settings: &Settings) -> Arc<CollectStatus> {
    Arc::new(CollectStatus::new(settings.collect.sources()))
}

/// Why a collector can't start.
#[derive(Debug, thiserror::Error)]
pub enum CollectStartError {
    /// Its address can't be listened on.
    #[error("{0}; choose another address with [collect] listen")]
    Bind(#[from] BindError),
    /// A webhook's secret can't be read.
    #[error("{0}; make the file readable for this user")]
    Webhook(#[from] WebhookSecretError),
    /// The secret of callbacks can't be used.
    #[error(transparent)]
    Callback(#[from] CallbackSecretError),
}

/// Rules have a table whose rows anybody could send who reads the source of a page.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "rows of the table `{table}` are {event:?} calls, and anybody could send them with the write key of `{client}`, which stands in a \
     page or an app: add {event:?} to [collect] row_events, and only keys with trust = \"server\" may"
)]
pub struct PublicRowsError {
    table: String,
    event: String,
    client: String,
}

/// Checks that only the shop's own programs can send rows of tables.
pub(crate) fn check_row_events(rules: &Ruleset, settings: &CollectSettings) -> Result<(), PublicRowsError> {
    let is_open = |table: &&RowTable| !settings.row_events.contains(&table.event);
    match (settings.public_source(), rules.tables.iter().find(is_open)) {
        (Some(client), Some(RowTable { id, event, .. })) => {
            Err(PublicRowsError { table: id.clone(), event: event.clone(), client: client.to_owned() })
        }
        _ => Ok(()),
    }
}

/// A collector that serves.
pub(crate) struct RunningCollector {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    serving: JoinHandle<()>,
    stop: oneshot::Sender<()>,
    /// Keeps the connection as long as this is there.
    _connection: JoinSet<()>,
}

impl RunningCollector {
    /// Binds the address and serves; the runtime `web` answers. Until there is a connection, clients are asked to send again.
    pub(crate) async fn start(
        settings: &Settings,
        access: NatsAccess,
        (health, status): (&Health, Arc<CollectStatus>),
        web: &Handle,
    ) -> Result<RunningCollector, CollectStartError> {
        let webhooks = Webhooks::read(&settings.collect)?;
        let callbacks = ProviderCallbacks::read(&settings.collect)?;
        let publisher = Arc::new(CallPublisher::new(settings, health.part("collect"), Arc::clone(&status)));
        let inputs = CollectInputs {
            settings,
            publisher: Arc::clone(&publisher),
            webhooks,
            callbacks,
            status,
            health: health.clone(),
        };
        let service = rekindle_collect::service(Collector::new(inputs));
        let listen = settings.collect.listen;
        // A listener belongs to the runtime in which it was made.
        let bound = web.spawn(HttpServer::bind(listen)).await;
        let server = bound.unwrap_or_else(|error| Err(BindError::Address(std::io::Error::other(error))))?;
        let address = server.address();
        let connection_part = health.part("collect-nats");
        let mut connection = JoinSet::new();
        connection.spawn_on(async move { publisher.run(&access, connection_part).await }, web);
        let (stop, stopped) = oneshot::channel();
        let serving = web.spawn(server.serve(service, async {
            let _ = stopped.await;
        }));
        Ok(RunningCollector { address, serving, stop, _connection: connection })
    }

    /// Takes no more requests, and waits for the answers to those under way, up to a deadline.
    pub(crate) async fn stop(self, deadline: Duration) {
        let _ = self.stop.send(());
        let _ = tokio::time::timeout(deadline, self.serving).await;
    }
}
