//! An S3 service for tests: `moto`, an emulator of AWS, fetched from PyPI and run on a port of its own.
//!
//! It is no real object store: it shows that requests, conditions and errors are understood, not that anything outlives
//! a loss of power.

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{free_port, pypi};

/// The version that is fetched.
const VERSION: &str = "5.2.5";

/// A service that runs until it is dropped.
pub struct S3Server {
    child: Child,
    port: u16,
}

impl S3Server {
    /// With one empty bucket.
    pub fn with_bucket(bucket: &str) -> S3Server {
        let port = free_port();
        // Of the server's many packages, those that S3 needs.
        let packages = [&format!("moto[s3]=={VERSION}"), "flask", "flask-cors"];
        let child = Command::new(pypi::programs(&packages).join("python"))
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()])
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
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Ends it.
    pub fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.stop();
    }
}
