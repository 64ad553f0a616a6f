//! The nats-servers that a test runs against: one or three.

mod process;

use std::path::{Path, PathBuf};

use crate::error::Error;
pub(crate) use process::NatsServerProcess;

/// How many servers a cluster has.
const CLUSTER: usize = 3;

/// One nats-server, or a cluster.
pub(crate) struct Servers {
    /// In the order of their names, `n0` and so on.
    pub(crate) servers: Vec<NatsServerProcess>,
}

impl Servers {
    /// Starts a single server that keeps everything in `folder`.
    pub(crate) fn single(folder: &Path) -> Result<Servers, Error> {
        let binary = binary()?;
        Ok(Servers { servers: vec![NatsServerProcess::start(&binary, &folder.join("n0"), "n0", free_port()?, "")?] })
    }

    /// Starts three that are a JetStream cluster.
    pub(crate) fn cluster(folder: &Path) -> Result<Servers, Error> {
        let binary = binary()?;
        let routes = [free_port()?, free_port()?, free_port()?];
        let list: Vec<String> = routes.iter().map(|port| format!("\"nats://127.0.0.1:{port}\"")).collect();
        let servers = (0..CLUSTER).map(|number| {
            let name = format!("n{number}");
            let cluster = format!(
                "cluster {{ name: chaos, listen: \"127.0.0.1:{}\", routes: [{}] }}",
                routes[number],
                list.join(", ")
            );
            NatsServerProcess::start(&binary, &folder.join(&name), &name, free_port()?, &cluster)
        });
        Ok(Servers { servers: servers.collect::<Result<_, _>>()? })
    }

    /// `nats://127.0.0.1:port` of each.
    pub(crate) fn urls(&self) -> Vec<String> {
        self.servers.iter().map(NatsServerProcess::url).collect()
    }
}

fn binary() -> Result<PathBuf, Error> {
    rekindle_test_kit::nats_server::find::find(&cache()?).map_err(Error::NoServer)
}

/// Where a fetched server is kept: where cargo lets tests keep files, if this program lies in a folder of cargo's.
fn cache() -> Result<PathBuf, Error> {
    let own = std::env::current_exe().map_err(|cause| Error::Io { attempt: "find this program's own file", cause })?;
    let folder = own.parent().unwrap_or(Path::new(".")).to_owned();
    let tests = folder.parent().map(|target| target.join("tmp")).filter(|tests| tests.is_dir());
    Ok(tests.unwrap_or(folder))
}

/// A port that nobody listens on now.
pub(crate) fn free_port() -> Result<u16, Error> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    listener.map(|address| address.port()).map_err(|cause| Error::Io { attempt: "find a free port", cause })
}
