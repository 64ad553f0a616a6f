//! A real nats-server for tests: found, or fetched into `target/`, and run on a port of its own.
//!
//! Where no server can be had the test fails and says so: it never
//! skips.

pub mod find;
pub mod proxy;

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::free_port;

/// A server that runs until it is dropped.
pub struct NatsServer {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
    killed: bool,
}

impl NatsServer {
    /// With JetStream, and without authentication.
    pub fn start() -> NatsServer {
        NatsServer::with_config("")
    }

    /// With JetStream and more lines of configuration. `{folder}` in them stands for the server's own folder.
    pub fn with_config(more: &str) -> NatsServer {
        NatsServer::with_files(more, &[])
    }

    /// The same, with files in the server's folder.
    pub fn with_files(more: &str, files: &[(&str, &str)]) -> NatsServer {
        let folder = tempfile::tempdir().expect("a folder for the server");
        for (name, text) in files {
            fs::write(folder.path().join(name), text).expect("a file for the server");
        }
        let port = free_port();
        let more = more.replace("{folder}", folder.path().to_str().expect("UTF-8"));
        let config = format!(
            "listen: \"127.0.0.1:{port}\"\njetstream {{ store_dir: \"{}\" }}\n{more}\n",
            folder.path().join("jetstream").display()
        );
        fs::write(folder.path().join("server.conf"), config).expect("the server's configuration");
        let child = spawn(folder.path());
        let server = NatsServer { child, port, folder, killed: false };
        server.wait_until_up();
        server
    }

    /// `nats://127.0.0.1:port`
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills it (SIGKILL); what it had on disk stays.
    pub fn kill(&mut self) {
        self.child.kill().expect("the server runs");
        self.child.wait().expect("the server ends");
        self.killed = true;
    }

    /// Starts it again on the same port and folder, after [`kill`](NatsServer::kill).
    pub fn start_again(&mut self) {
        self.child = spawn(self.folder.path());
        self.killed = false;
        self.wait_until_up();
    }

    /// Replaces a part of the configuration and makes the server read it again.
    pub fn reconfigure(&self, from: &str, to: &str) {
        let file = self.folder.path().join("server.conf");
        let config = fs::read_to_string(&file).expect("the configuration");
        assert!(config.contains(from), "{from} is not in\n{config}");
        fs::write(&file, config.replace(from, to)).expect("the configuration");
        let reloads = self.reloads();
        let reloaded = Command::new("kill").args(["-HUP", &self.pid().to_string()]).status().expect("kill runs");
        assert!(reloaded.success());
        let started = Instant::now();
        while self.reloads() == reloads {
            assert!(started.elapsed() < Duration::from_secs(20), "nats-server does not reload:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn reloads(&self) -> usize {
        self.log().matches("Reloaded server configuration").count()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("server.log")).unwrap_or_default()
    }

    fn wait_until_up(&self) {
        let started = Instant::now();
        // A port that accepts is not enough: JetStream may still be recovering its streams.
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() || !self.log().contains("Server is ready") {
            assert!(started.elapsed() < Duration::from_secs(20), "nats-server does not come up:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        if let (false, Ok(Some(status))) = (self.killed, self.child.try_wait()) {
            eprintln!("nats-server ended by itself, or somebody else ended it ({status}):\n{}", self.log());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(folder: &Path) -> Child {
    let log = folder.join("server.log");
    let _ = fs::remove_file(&log);
    Command::new(binary())
        .arg("--config")
        .arg(folder.join("server.conf"))
        .arg("--log")
        .arg(log)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("nats-server starts")
}

/// The server's binary.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| find::find(&crate::cache()).unwrap_or_else(|why| panic!("{why}")))
}
