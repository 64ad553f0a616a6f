//! Outputs on NATS, with a real server: what is published and where, once and in order, whatever goes wrong.

#[path = "../nats_server/mod.rs"]
mod nats_server;
mod outputs;
mod subjects;
mod trouble;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::Client;
use async_nats::jetstream::{self, Context, stream};
use nats_server::NatsServer;
use rekindle::config::Output as Settings;
use rekindle::health::Health;
use rekindle::sink::emission::Emission;
use rekindle::sink::nats::{Sink, SinkStatus, run};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// A sink at work, and a second connection that looks at what it does.
struct Running {
    sender: mpsc::Sender<Emission>,
    task: JoinHandle<()>,
    status: Arc<SinkStatus>,
    health: Health,
    /// The sink's own connection.
    client: Client,
}

impl Running {
    async fn start(server: &NatsServer, settings: Settings) -> Running {
        Running::with_client(connect(server).await, settings)
    }

    fn with_client(client: Client, settings: Settings) -> Running {
        let (sender, receiver) = mpsc::channel(4);
        let (status, health) = (Arc::new(SinkStatus::default()), Health::default());
        let sink = Sink {
            settings,
            context: jetstream::new(client.clone()),
            source: "EVENTS".to_owned(),
            part: health.part("sink"),
            status: Arc::clone(&status),
            connection: Arc::default(),
        };
        Running { sender, task: tokio::spawn(run(sink, receiver)), status, health, client }
    }

    async fn send(&self, emission: Emission) {
        self.sender.send(emission).await.expect("the sink runs");
    }

    /// Waits for everything to be acknowledged.
    async fn finish(self) -> Arc<SinkStatus> {
        drop(self.sender);
        tokio::time::timeout(Duration::from_secs(60), self.task).await.expect("it ends").expect("no panic");
        assert_eq!(self.health.failing(), []);
        self.status
    }

    /// Waits until the sink says that it fails, and says so with these words.
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
    let subjects = ["segments.>", "actions.>", "decisions.>", "merged", "rules"].map(|rest| format!("rekindle.{rest}"));
    stream::Config {
        name: "REKINDLE".to_owned(),
        subjects: subjects.into(),
        allow_atomic_publish: true,
        ..Default::default()
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
