//! An S3 service for tests: `moto`, an emulator of AWS, fetched into `target/` and run on a port of its own.
//!
//! It is no real object store: it shows that requests, conditions and errors are understood, not that anything outlives
//! a loss of power. Fetched once with the `pip` of `python3`; where it cannot be had the test fails and says so.

#![allow(dead_code, reason = "every test file uses a part of it")]

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The version that is fetched.
const VERSION: &str = "5.2.5";

/// A service that runs until it is dropped.
pub(crate) struct S3Server {
    child: Child,
    port: u16,
}

impl S3Server {
    /// With one empty bucket.
    pub(crate) fn with_bucket(bucket: &str) -> S3Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let child = Command::new("python3")
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()])
            .env("PYTHONPATH", packages())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3 starts");
        let server = S3Server { child, port };
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(started.elapsed() < Duration::from_secs(60), "moto does not come up");
            std::thread::sleep(Duration::from_millis(50));
        }
        ureq::put(format!("{}/{bucket}", server.url())).send_empty().expect("the bucket is made");
        server
    }

    /// `http://127.0.0.1:port`
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Ends it.
    pub(crate) fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Fetches moto into `target/`, once: tests that run at the same time wait for the first.
fn packages() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("moto-{VERSION}"));
    fs::create_dir_all(&folder).expect("a folder in target/");
    let lock = fs::File::create(folder.join("lock")).expect("a lock file");
    lock.lock().expect("the lock");
    let (packages, done) = (folder.join("packages"), folder.join("done"));
    if done.exists() {
        return packages;
    }
    let _ = fs::remove_dir_all(&packages);
    let output = Command::new("python3")
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-warn-conflicts",
            "--only-binary=:all:",
            "--target",
        ])
        .arg(&packages)
        // Of the server's many packages, those that S3 needs.
        .args([&format!("moto[s3]=={VERSION}"), "flask", "flask-cors"])
        .output()
        .expect("python3 runs");
    assert!(
        output.status.success(),
        "this test needs moto {VERSION}: make `python3 -m pip` work (Debian: python3-pip); fetching it failed:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    fs::write(done, VERSION).expect("written");
    packages
}
