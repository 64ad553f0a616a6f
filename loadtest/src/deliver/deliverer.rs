//! `rekindle deliver` as a process.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::pull;

use crate::daemon::DaemonProcess;
use crate::error::Error;
use crate::streams::OUTPUTS;

/// The consumer of the destination.
const CONSUMER: &str = "rekindle_deliver_loadtest";
/// How long it may take to make its consumer, or to acknowledge.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long it may take to end.
const ENDED_WITHIN: Duration = Duration::from_secs(60);

/// How it is started.
pub(super) struct Deliverer {
    pub(super) binary: PathBuf,
    pub(super) folder: PathBuf,
    pub(super) server: String,
    pub(super) concurrency: u16,
}

/// One that runs.
pub(super) struct DelivererProcess {
    process: DaemonProcess,
}

impl Deliverer {
    /// Starts it, for a receiver on this port.
    pub(super) fn start(&self, port: u16) -> Result<DelivererProcess, Error> {
        let Deliverer { binary, folder, server, concurrency } = self;
        let settings = format!(
            "[nats]\nservers = ['{server}']\n[output]\ncreate = true\n[http]\nlisten = '127.0.0.1:0'\n\
             [shutdown]\ndeadline = '5s'\n[log]\nformat = 'json'\n[[deliver]]\nname = 'loadtest'\n\
             url = 'http://127.0.0.1:{port}/actions'\nallow_private = true\nconcurrency = {concurrency}\n"
        );
        let file = folder.join("deliver.toml");
        fs::write(&file, settings).map_err(Error::file("write", &file))?;
        let mut command = Command::new(binary);
        command.arg("deliver").arg("--config").arg(&file);
        Ok(DelivererProcess { process: DaemonProcess::spawn(&mut command, &folder.join("deliver.log"), 1)? })
    }

    /// Waits until the consumer is there.
    pub(super) async fn wait_for_consumer(&self, context: &Context) -> Result<(), Error> {
        let started = Instant::now();
        while consumer(context).await.is_none() {
            if started.elapsed() > PATIENCE {
                let said = fs::read_to_string(self.folder.join("deliver.log")).unwrap_or_default();
                return Err(Error::Command { command: "deliver", said });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// How many messages are not acknowledged, once nothing changes any more.
    pub(super) async fn unacknowledged(&self, context: &Context) -> u64 {
        let started = Instant::now();
        loop {
            let open = consumer(context).await.unwrap_or(u64::MAX);
            if open == 0 || started.elapsed() > PATIENCE {
                return open;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// How many messages the consumer has to deliver or to have acknowledged, if it is there.
async fn consumer(context: &Context) -> Option<u64> {
    let stream = context.get_stream_no_info(OUTPUTS).await.ok()?;
    let consumer = stream.get_consumer::<pull::Config>(CONSUMER).await.ok()?;
    let info = consumer.cached_info();
    Some(info.num_pending + info.num_ack_pending as u64)
}

impl DelivererProcess {
    /// Its process.
    pub(super) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Ends it as a service manager does.
    pub(super) async fn end(self) -> Result<(), Error> {
        self.process.end("deliver", ENDED_WITHIN).await
    }
}
