//! Delivery within a process: every `[[deliver]]` of the settings, on threads and a connection of its own, so that nothing that
//! a destination does holds up the engine.

use std::sync::Arc;
use std::time::Duration;

use crate::daemon::wall_clock;
use crate::metrics::MetricsRegistry;
use rekindle_deliver::status::DestinationStatus;
use rekindle_deliver::worker::{DestinationError, DestinationWorker};
use rekindle_nats::NatsAccess;
use rekindle_runtime::health::HealthPart;
use rekindle_settings::Settings;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How many threads deliver.
const THREADS: usize = 2;
/// What the connection has room for; destinations ask for few messages at a time.
pub(crate) const CONNECTION_BATCH: usize = 1_000;

/// A destination that can't be served as it is configured.
#[derive(Debug, thiserror::Error)]
#[error("the destination {name}: {source}")]
pub struct DestinationSetupError {
    name: String,
    source: DestinationError,
}

/// The destinations of the settings.
pub struct DeliveryService {
    workers: Vec<DestinationWorker>,
    deadline: Duration,
}

/// Delivery at work. It ends when this is dropped.
pub struct RunningDelivery {
    stop: watch::Sender<bool>,
    runtime: Option<tokio::runtime::Runtime>,
    task: Option<tokio::task::JoinHandle<()>>,
}

impl DeliveryService {
    /// Reads every secret that destinations name.
    ///
    /// # Errors
    /// All destinations that can't be served; never empty.
    pub fn new(settings: &Settings) -> Result<DeliveryService, Vec<DestinationSetupError>> {
        let (mut workers, mut errors) = (Vec::new(), Vec::new());
        let reports = settings.reports_subject();
        for destination in &settings.deliver {
            match DestinationWorker::new(destination, &settings.output, &reports) {
                Ok(worker) => workers.push(worker),
                Err(source) => errors.push(DestinationSetupError { name: destination.name.clone(), source }),
            }
        }
        let deadline = Duration::from_millis(u64::try_from(settings.shutdown.deadline.0).unwrap_or(0));
        if errors.is_empty() { Ok(DeliveryService { workers, deadline }) } else { Err(errors) }
    }

    /// Whether there is no destination.
    pub fn is_empty(&self) -> bool {
        self.workers.is_empty()
    }

    /// Adds the metrics of each destination to the process's.
    pub fn register(&self, registry: &MetricsRegistry) {
        let statuses: Vec<(String, Arc<DestinationStatus>)> =
            self.workers.iter().map(|worker| (worker.name().to_owned(), worker.status())).collect();
        registry.add_collector(move |page| {
            statuses.iter().for_each(|(name, status)| page.destination(name, status, wall_clock()));
        });
    }

    /// Connects, and delivers until it is stopped.
    ///
    /// # Errors
    /// The system refuses threads.
    pub fn start(self, access: NatsAccess, part: HealthPart) -> std::io::Result<RunningDelivery> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("rekindle-deliver")
            .enable_all()
            .build()?;
        let (stop, stopped) = watch::channel(false);
        let DeliveryService { workers, deadline } = self;
        let task = runtime.spawn(async move {
            let mut until_stopped = stopped.clone();
            let connection = tokio::select! {
                connection = access.connect(CONNECTION_BATCH, part) => connection,
                _ = until_stopped.wait_for(|stop| *stop) => return,
            };
            let mut destinations = JoinSet::new();
            for worker in workers {
                destinations.spawn(worker.run(connection.clone(), stopped.clone(), deadline));
            }
            while destinations.join_next().await.is_some() {}
        });
        Ok(RunningDelivery { stop, runtime: Some(runtime), task: Some(task) })
    }
}

impl RunningDelivery {
    /// Finishes requests in flight, within the deadline of a shutdown, and gives everything else back to the broker.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if let Some(task) = self.task.take() {
            let _ = task.await;
        }
    }
}

impl Drop for RunningDelivery {
    fn drop(&mut self) {
        // It must not wait: this may be within another runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
