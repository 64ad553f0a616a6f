//! A daemon that has read the events from a stream, and is asked over HTTP.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use hyper::StatusCode;
use serde_json::Value;

use super::events::HistoryEvents;
use crate::daemon::{DaemonProcess, DaemonSetup};
use crate::error::Error;
use crate::json_client::JsonClient;
use crate::servers::{Servers, free_port};
use crate::streams::{self, EVENTS_SUBJECT};

/// How long the server, and the daemon, may take to be there and to have read all.
const PATIENCE: Duration = Duration::from_secs(300);
/// The time between two attempts.
const RETRY_INTERVAL: Duration = Duration::from_millis(50);

/// A running daemon, behind a server with the events. Both end when it is dropped.
pub(super) struct HistoryDaemon {
    client: JsonClient,
    path: String,
    _daemon: DaemonProcess,
    _servers: Servers,
    /// From the first request to the answer: the stream was indexed meanwhile.
    pub(super) indexed_seconds: f64,
    pub(super) server_version: String,
}

impl HistoryDaemon {
    /// Starts both, and waits until the daemon answers about the user as of the latest event.
    pub(super) async fn start(
        binary: &Path,
        folder: &Path,
        rules: &str,
        events: &HistoryEvents,
        user: &str,
    ) -> Result<HistoryDaemon, Error> {
        let mut servers = Servers::single(folder)?;
        for server in &mut servers.servers {
            server.wait_until_up().await?;
        }
        let context = streams::connect(&servers.urls(), "loadtest").await?;
        streams::wait_for_answers(&context, PATIENCE).await?;
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let settings = format!(
            "[engine]\nrules = 'rules.toml'\nclock = 'events'\n[nats]\nservers = ['{}']\n[source]\ncreate = true\n\
             [output]\ncreate = true\n[http]\nlisten = '{address}'\n[log]\nformat = 'json'\n",
            servers.urls()[0]
        );
        let daemon = DaemonSetup::new(binary.to_owned(), folder, rules, &settings)?.start()?;
        streams::wait_for(&context, streams::EVENTS, PATIENCE).await?;
        streams::publish_all(&context, EVENTS_SUBJECT, &events.lines).await?;
        let mut client = connected(address).await?;
        let watermark_reached = |stats: &Value| {
            let watermark = stats["watermark"].as_str().and_then(rekindle_core::time::Timestamp::parse_rfc3339);
            watermark.is_some_and(|watermark| watermark + rekindle_core::time::Span(60_000) >= events.end)
        };
        asked_until(&mut client, "/v1/stats", watermark_reached).await?;
        let path = format!("/v1/users/{user}/explain?at={}", events.end);
        let began = Instant::now();
        asked_until(&mut client, &path, |_| true).await?;
        Ok(HistoryDaemon {
            client,
            path,
            _daemon: daemon,
            _servers: servers,
            indexed_seconds: began.elapsed().as_secs_f64(),
            server_version: context.client().server_info().version,
        })
    }

    /// Asks why; returns the answer.
    pub(super) async fn explanation(&mut self) -> Result<Value, Error> {
        match self.client.get(&self.path).await? {
            (StatusCode::OK, body) => serde_json::from_slice(&body).map_err(unreadable),
            (status, body) => Err(unreadable(format!("{status}: {}", String::from_utf8_lossy(&body)))),
        }
    }
}

async fn connected(address: SocketAddr) -> Result<JsonClient, Error> {
    let started = Instant::now();
    loop {
        match JsonClient::connect(address).await {
            Err(_) if started.elapsed() < PATIENCE => tokio::time::sleep(RETRY_INTERVAL).await,
            connected => return connected,
        }
    }
}

/// Asks until the answer is one that is waited for.
async fn asked_until(client: &mut JsonClient, path: &str, is_reached: impl Fn(&Value) -> bool) -> Result<(), Error> {
    let started = Instant::now();
    loop {
        let (status, body) = client.get(path).await?;
        let answer: Option<Value> = serde_json::from_slice(&body).ok().filter(|_| status == StatusCode::OK);
        if answer.as_ref().is_some_and(&is_reached) {
            return Ok(());
        }
        if started.elapsed() > PATIENCE {
            return Err(unreadable(format!("{status}: {}", String::from_utf8_lossy(&body))));
        }
        tokio::time::sleep(RETRY_INTERVAL).await;
    }
}

fn unreadable(error: impl std::fmt::Display) -> Error {
    Error::Unreadable(format!("the daemon's answer is not as expected: {error}"))
}
