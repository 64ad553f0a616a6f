//! `rekindle collect` as a process.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::daemon::DaemonProcess;
use crate::error::Error;
use crate::prepared_client::PreparedClient;

/// The SHA-256 of the write key `loadtest`.
const WRITE_KEY_SHA256: &str = "823938033bec9a33a44aa40618f9d5e31ccf5625754870bc3f95510d8cbba0b0";
/// How long it may take to be ready.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long it may take to end.
const ENDED_WITHIN: Duration = Duration::from_secs(30);

/// A collector that takes calls.
pub(super) struct CollectorProcess {
    process: DaemonProcess,
    pub(super) address: SocketAddr,
}

impl CollectorProcess {
    /// Starts one, and waits until it takes calls.
    pub(super) async fn start(mut command: Command, folder: &Path, server: &str) -> Result<CollectorProcess, Error> {
        let settings = format!(
            "[nats]\nservers = ['{server}']\n[output]\ncreate = true\n[http]\nlisten = '127.0.0.1:0'\n\
             [log]\nformat = 'json'\n[collect]\nlisten = '127.0.0.1:0'\nmax_connections_per_address = 65_536\n\
             [collect.keys.shop]\nsha256 = ['{WRITE_KEY_SHA256}']\ntrust = 'server'\n"
        );
        let (file, log) = (folder.join("collect.toml"), folder.join("collect.log"));
        fs::write(&file, settings).map_err(Error::file("write", &file))?;
        let process = DaemonProcess::spawn(command.arg("collect").arg("--config").arg(&file), &log, 1)?;
        let mut collector = CollectorProcess { process, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        let started = Instant::now();
        loop {
            let said = fs::read_to_string(&log).map_err(Error::file("read", &log))?;
            if let Some(address) = listening(&said) {
                collector.address = address;
                if collector.is_ready().await {
                    return Ok(collector);
                }
            }
            if collector.process.ended().is_some() || started.elapsed() > PATIENCE {
                return Err(Error::Command { command: "collect", said });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn is_ready(&self) -> bool {
        let Ok(mut client) = PreparedClient::connect(self.address).await else { return false };
        client.send(b"GET /readyz HTTP/1.1\r\nHost: c\r\n\r\n").await.is_ok_and(|status| status == 200)
    }

    /// Its process.
    pub(super) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Ends it as a service manager does.
    pub(super) async fn end(self) -> Result<(), Error> {
        self.process.end("collect", ENDED_WITHIN).await
    }
}

/// The address in its log.
fn listening(log: &str) -> Option<SocketAddr> {
    let line = log.lines().find(|line| line.contains("\"collect\":\""))?;
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    line["collect"].as_str()?.parse().ok()
}
