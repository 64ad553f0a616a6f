//! A server, an output stream, a destination at work.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::{self, stream};
use rekindle_deliver::status::DestinationStatus;
use rekindle_deliver::stream::consumer_name;
use rekindle_deliver::worker::DestinationWorker;
use rekindle_nats::{ConnectionStatus, NatsConnection};
use rekindle_settings::{DestinationSettings, OutputSettings, Settings};
use rekindle_test_kit::nats_server::NatsServer;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Harness {
    _server: NatsServer,
    pub(crate) connection: NatsConnection,
    pub(crate) output: OutputSettings,
}

pub(crate) struct RunningDestination {
    pub(crate) status: Arc<DestinationStatus>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// The destination that a `[[deliver]]` is.
pub(crate) fn destination(text: &str) -> DestinationSettings {
    let settings = Settings::load(&format!("[[deliver]]\n{text}"), "".as_ref(), []);
    settings.unwrap_or_else(|mistakes| panic!("{mistakes:#?} in\n{text}")).deliver.remove(0)
}

impl Harness {
    pub(crate) async fn start() -> Harness {
        let server = NatsServer::start();
        let client = async_nats::connect(server.url()).await.expect("a server");
        let connection = NatsConnection::new(client, Arc::new(ConnectionStatus::default()));
        let output = OutputSettings { create: true, ..OutputSettings::default() };
        let config = stream::Config {
            name: output.stream.clone(),
            subjects: vec!["rekindle.actions.>".to_owned(), "rekindle.segments.>".to_owned()],
            ..Default::default()
        };
        connection.jetstream.create_stream(config).await.expect("a stream");
        Harness { _server: server, connection, output }
    }

    /// Starts a destination, and waits until its consumer is there.
    pub(crate) async fn deliver(&self, settings: &DestinationSettings) -> RunningDestination {
        let worker = DestinationWorker::new(settings, &self.output, "events.delivery").expect("a destination");
        let (stop, stopped) = watch::channel(false);
        let status = worker.status();
        let task = tokio::spawn(worker.run(self.connection.clone(), stopped, Duration::from_secs(5)));
        let (name, stream) = (consumer_name(&settings.name), self.output.stream.clone());
        until("the consumer is there", async || {
            let stream = self.connection.jetstream.get_stream(&stream).await.expect("the stream");
            stream.get_consumer::<jetstream::consumer::pull::Config>(&name).await.is_ok()
        })
        .await;
        RunningDestination { status, stop, task }
    }

    /// Publishes an action of a user, numbered; `expires` is RFC 3339.
    pub(crate) async fn publish(&self, user: &str, number: u64, expires: &str) {
        let data = json!({ "user": user, "n": number, "expires": expires, "payload": { "email": "a@b.example" } });
        let id = rekindle_core::action::event_id(&number.to_string());
        let event =
            json!({ "id": id, "subject": user, "type": "rekindle.action.v1", "specversion": "1.0", "data": data });
        let stored = self.connection.jetstream.publish("rekindle.actions.push.hello", event.to_string().into()).await;
        stored.expect("sent").await.expect("stored");
    }

    /// What could not be delivered.
    pub(crate) async fn undelivered(&self) -> Vec<Value> {
        let name = rekindle_deliver::undelivered::stream_name(&self.output);
        let mut stream = self.connection.jetstream.get_stream(name).await.expect("the stream");
        let last = stream.info().await.expect("its state").state.last_sequence;
        let mut all = Vec::new();
        for sequence in 1..=last {
            let Ok(message) = stream.get_raw_message(sequence).await else { continue };
            all.push(serde_json::from_slice(&message.payload).expect("JSON"));
        }
        all
    }

    /// How many messages a destination has not acknowledged.
    pub(crate) async fn unacknowledged(&self, destination: &str) -> usize {
        let stream = self.connection.jetstream.get_stream(&self.output.stream).await.expect("the stream");
        let consumer = stream.get_consumer::<jetstream::consumer::pull::Config>(&consumer_name(destination)).await;
        let consumer = consumer.expect("the consumer");
        consumer.cached_info().num_ack_pending
    }
}

impl RunningDestination {
    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        tokio::time::timeout(PATIENCE, self.task).await.expect("it ends in time").expect("it does not panic");
    }
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("in vain: {what}"));
}
