//! The sink against a real nats-server: what is published and where, once and in order, whatever happens.

mod delivery;
mod foreign;
mod interruptions;
mod outputs;
mod recovery;
mod refusals;
mod subjects;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::Client;
use async_nats::jetstream::{self, Context, stream};
use rekindle_nats::NatsConnection;
use rekindle_nats::sink::{CommittedOutputs, CommitterClosed, NatsSink, OutputOwner, OutputRecovery, SinkStatus};
use rekindle_runtime::health::Health;
use rekindle_runtime::output::batch::OutputItem;
use rekindle_runtime::output::committed_position::{CommittedPosition, ProgressRecord};
use rekindle_settings::OutputSettings as Settings;
use rekindle_test_kit::nats_server::NatsServer;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// A running sink, and what a test observes of it.
struct RunningSink {
    sender: mpsc::Sender<OutputItem>,
    task: JoinHandle<Result<(), CommitterClosed>>,
    status: Arc<SinkStatus>,
    health: Health,
    /// The sink's own connection.
    client: Client,
    /// The committed position at the takeover.
    out: watch::Receiver<Option<CommittedPosition>>,
}

impl RunningSink {
    async fn start(server: &NatsServer, settings: Settings) -> RunningSink {
        RunningSink::with_client(connect(server).await, settings)
    }

    fn with_client(client: Client, settings: Settings) -> RunningSink {
        let (sender, receiver) = mpsc::channel(4);
        let (status, health) = (Arc::new(SinkStatus::default()), Health::default());
        let sink = NatsSink {
            settings,
            connection: NatsConnection::new(client.clone(), Arc::default()),
            source: "EVENTS".to_owned(),
            part: health.part("sink"),
            status: Arc::clone(&status),
        };
        let (taken_over, out) = watch::channel(None);
        let owner = OutputOwner { instance: unused_name(), epoch: 0, log: None, settings: None };
        let task = tokio::spawn(async move {
            // Everything that the former owner committed is published.
            let decide = |known: &OutputRecovery| -> Result<_, CommitterClosed> {
                Ok(match known.progress.clone() {
                    Some(found) => CommittedOutputs { ordinal: found.ordinal, position: found.committed },
                    None => CommittedOutputs { ordinal: 0, position: CommittedPosition::before(0) },
                })
            };
            let (outlet, out) = sink.take_over(&owner, async || Ok(()), decide).await?;
            taken_over.send_replace(Some(out.unwrap_or(CommittedPosition::before(0))));
            outlet.run(receiver).await
        });
        RunningSink { sender, task, status, health, client, out }
    }

    async fn send(&self, output_item: OutputItem) {
        self.sender.send(output_item).await.expect("the sink runs");
    }

    /// The committed position at the takeover, once it has taken over.
    async fn took_over(&self) -> CommittedPosition {
        let mut out = self.out.clone();
        out.wait_for(Option::is_some).await.expect("it takes over").clone().expect("it has")
    }

    /// Waits for everything to be acknowledged.
    async fn finish(self) -> Arc<SinkStatus> {
        drop(self.sender);
        let ended = tokio::time::timeout(Duration::from_secs(240), self.task).await.expect("it ends");
        assert_eq!(ended.expect("no panic"), Ok(()));
        assert_eq!(self.health.failing(), []);
        self.status
    }

    /// Waits until the sink reports a failure with these words.
    async fn fails_with(&self, words: &str) {
        let started = Instant::now();
        loop {
            let failing = self.health.failing();
            if failing.iter().any(|(part, why)| *part == "sink" && why.contains(words)) {
                return;
            }
            assert!(started.elapsed() < Duration::from_secs(20), "no «{words}» in {failing:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn connect(server: &NatsServer) -> Client {
    let options = async_nats::ConnectOptions::new().reconnect_delay_callback(|_| Duration::from_millis(50));
    options.connect(server.url()).await.expect("the server accepts")
}

async fn context(server: &NatsServer) -> Context {
    jetstream::new(connect(server).await)
}

fn output_stream() -> stream::Config {
    let subjects = [
        "segments.>",
        "actions.>",
        "decisions.>",
        "points.>",
        "outcomes.>",
        "budgets.>",
        "partners.>",
        "merged",
        "rules",
        "progress",
    ]
    .map(|rest| format!("rekindle.{rest}"));
    stream::Config {
        name: "REKINDLE".to_owned(),
        subjects: subjects.into(),
        allow_atomic_publish: true,
        ..Default::default()
    }
}

/// The transports of outputs.
#[derive(Clone, Copy, Debug)]
enum PublishMode {
    /// As batches if there are many, else one by one.
    Mixed,
    /// All as batches.
    Batches,
    /// One by one, though the stream accepts batches.
    OneByOne,
    /// One by one: the stream accepts no batches.
    NoBatches,
}

impl PublishMode {
    const ALL: [PublishMode; 4] =
        [PublishMode::Mixed, PublishMode::Batches, PublishMode::OneByOne, PublishMode::NoBatches];

    fn settings(self) -> Settings {
        let usual = Settings::default();
        let batch_from = match self {
            PublishMode::Mixed | PublishMode::NoBatches => usual.batch_from,
            PublishMode::Batches => 1,
            PublishMode::OneByOne => 999,
        };
        Settings { batch_from, ..usual }
    }

    fn stream(self) -> stream::Config {
        stream::Config { allow_atomic_publish: !matches!(self, PublishMode::NoBatches), ..output_stream() }
    }
}

fn dead_stream() -> stream::Config {
    stream::Config {
        name: "REKINDLE_DEAD".to_owned(),
        subjects: vec!["rekindle.dead".to_owned()],
        ..Default::default()
    }
}

/// A server with both streams.
async fn prepared() -> (NatsServer, Context) {
    let server = NatsServer::start();
    let context = context(&server).await;
    context.create_stream(output_stream()).await.expect("created");
    context.create_stream(dead_stream()).await.expect("created");
    (server, context)
}

/// A name that no other start has.
fn unused_name() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static STARTS: AtomicU64 = AtomicU64::new(0);
    format!("test-{}", STARTS.fetch_add(1, Ordering::Relaxed))
}

/// The outputs in the output stream, whose ordinals must have no holes.
async fn outputs_of(context: &Context) -> Vec<jetstream::Message> {
    let mut found = stored(context, "REKINDLE").await;
    found.retain(|message| message.subject.as_str() != "rekindle.progress");
    let ordinal = |message: &jetstream::Message| -> Option<u64> {
        message.headers.as_ref()?.get(rekindle_nats::sink::ORDINAL)?.as_str().parse().ok()
    };
    let ordinals: Vec<u64> = found.iter().filter_map(ordinal).collect();
    assert!(ordinals.windows(2).all(|pair| pair[1] == pair[0] + 1), "ordinals have holes or come twice");
    found
}

/// The last progress record: a message, or the header of one.
async fn progress(context: &Context) -> ProgressRecord {
    let found = stored(context, "REKINDLE").await;
    let record = found.iter().rev().find_map(|message| match message.headers.as_ref()?.get("Rekindle-Progress") {
        Some(record) => Some(record.as_str().as_bytes()),
        None => (message.subject.as_str() == "rekindle.progress").then_some(&message.payload[..]),
    });
    serde_json::from_slice(record.expect("a record")).expect("a record is JSON")
}

async fn published(context: &Context) -> Vec<u64> {
    let found = outputs_of(context).await;
    outputs::numbers(found.iter().map(|message| &message.payload[..]))
}

/// Everything a stream holds, in its order.
async fn stored(context: &Context, name: &str) -> Vec<jetstream::Message> {
    use futures_util::StreamExt;
    let stream = context.get_stream(name).await.expect("the stream");
    let count = stream.get_info().await.expect("its state").state.messages;
    let config =
        jetstream::consumer::pull::Config { ack_policy: jetstream::consumer::AckPolicy::None, ..Default::default() };
    let consumer = stream.create_consumer(config).await.expect("a consumer");
    let mut found = Vec::new();
    while (found.len() as u64) < count {
        let mut batch = consumer.fetch().max_messages(5_000).messages().await.expect("messages");
        while let Some(message) = batch.next().await {
            found.push(message.expect("a message"));
        }
    }
    found
}
