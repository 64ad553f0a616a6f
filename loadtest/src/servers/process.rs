//! A nats-server as a process, which can be killed and started again on its files.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::error::Error;

/// How long a server may take to accept connections.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that is killed when it is dropped.
pub(crate) struct NatsServerProcess {
    pub(crate) name: String,
    binary: PathBuf,
    folder: PathBuf,
    port: u16,
    child: Child,
}

impl NatsServerProcess {
    /// Starts a server with JetStream and more lines of configuration; its files and its log are in `folder`.
    pub(super) fn start(
        binary: &Path,
        folder: &Path,
        name: &str,
        port: u16,
        more: &str,
    ) -> Result<NatsServerProcess, Error> {
        fs::create_dir_all(folder).map_err(Error::file("make", folder))?;
        let config = format!(
            "server_name: {name}\nlisten: \"127.0.0.1:{port}\"\njetstream {{ store_dir: \"{}\" }}\n{more}\n",
            folder.join("jetstream").display()
        );
        let file = folder.join("server.conf");
        fs::write(&file, config).map_err(Error::file("write", &file))?;
        let child = spawn(binary, folder)?;
        Ok(NatsServerProcess {
            name: name.to_owned(),
            binary: binary.to_owned(),
            folder: folder.to_owned(),
            port,
            child,
        })
    }

    /// `nats://127.0.0.1:port`
    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills it (SIGKILL); what it had on disk stays.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again on the same port and folder.
    pub(crate) fn start_again(&mut self) -> Result<(), Error> {
        self.child = spawn(&self.binary, &self.folder)?;
        Ok(())
    }

    /// Waits until it accepts connections. JetStream may still be recovering its streams then.
    pub(crate) async fn wait_until_up(&mut self) -> Result<(), Error> {
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let ended = self.child.try_wait().ok().flatten();
            if ended.is_some() || started.elapsed() > PATIENCE {
                let log = fs::read_to_string(self.folder.join("server.log")).unwrap_or_default();
                return Err(Error::NoServer(format!("nats-server does not come up:\n{log}")));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

impl Drop for NatsServerProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(binary: &Path, folder: &Path) -> Result<Child, Error> {
    Command::new(binary)
        .arg("--config")
        .arg(folder.join("server.conf"))
        .arg("--log")
        .arg(folder.join("server.log"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(Error::file("start", binary))
}
