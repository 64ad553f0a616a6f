//! What the tests share: real servers on ports of their own, real data sets, the daemon as a process, random scenarios and the
//! naive oracle. A dev-dependency of the other crates and a dependency of the load tests; never part of the product.
//!
//! What the oracle computes shares no code with the engine. Where a server cannot be had a test fails and says so: it never
//! skips.

#[cfg(feature = "tls")]
pub mod authority;
#[cfg(feature = "daemon")]
pub mod daemon;
pub mod dashboard;
pub mod data_sets;
pub mod decoder_oracle;
pub mod explained;
pub mod generator;
pub mod growth_call;
pub mod nats_server;
pub mod npm;
pub mod optional;
pub mod oracle;
pub mod prometheus_server;
pub mod pypi;
pub mod s3_server;

use std::env;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

/// The folder of the workspace's Cargo.toml.
pub fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// A folder in `target/` for what tests fetch or make once.
pub fn cache() -> PathBuf {
    profile_folder().parent().expect("the folder of a profile lies in target/").join("tmp")
}

/// The binary of this name that Cargo built for the running test.
pub fn binary(name: &str) -> PathBuf {
    profile_folder().join(format!("{name}{}", env::consts::EXE_SUFFIX))
}

/// `target/debug` or its like: tests run from its folder `deps`, binaries from itself.
fn profile_folder() -> PathBuf {
    let mut folder = env::current_exe().expect("a process has a file");
    folder.pop();
    if folder.ends_with("deps") {
        folder.pop();
    }
    folder
}

/// A port on which nothing listens now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}
