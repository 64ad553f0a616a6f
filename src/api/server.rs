//! Connections: how many, how slow, how long, and how they end.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::error::ApiError;
use super::routes::Routes;

/// The most connections there may be; more wait in the system's queue.
const CONNECTIONS_MAX: usize = 1_024;

/// After this, a connection is closed once it is idle: a client that reads nothing does not keep one for good.
const CONNECTION_AGE_MAX: Duration = Duration::from_secs(600);

/// How long to wait after a connection could not be accepted: most often, the process has too many files open.
const AFTER_FAILURE: Duration = Duration::from_millis(500);

/// A server that is bound but does not serve yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Binds an address.
    ///
    /// # Errors
    /// It is in use, or not this machine's.
    pub async fn bind(address: SocketAddr) -> Result<Server, ApiError> {
        let listener = TcpListener::bind(address).await.map_err(|source| ApiError::Bind { address, source })?;
        let address = listener.local_addr().map_err(ApiError::Address)?;
        Ok(Server { listener, address })
    }

    /// The address it is bound to: with port 0, the system chose the port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is done and the requests under way are answered, or have taken too long.
    ///
    /// # Errors
    /// The routes are for this machine alone, and others can reach the address.
    pub async fn serve(self, routes: Routes, stop: impl Future<Output = ()>) -> Result<(), ApiError> {
        if routes.loopback_only && !self.address.ip().to_canonical().is_loopback() {
            return Err(ApiError::Exposed(self.address));
        }
        let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let (stopping, stopped) = watch::channel(false);
        let mut connections = JoinSet::new();
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                (stream, slot) = accept(&self.listener, &slots) => {
                    connections.spawn(hold(stream, slot, routes.router.clone(), routes.time, stopped.clone()));
                }
                Some(_) = connections.join_next() => {}
            }
        }
        drop(self.listener);
        stopping.send_replace(true);
        while connections.join_next().await.is_some() {}
        Ok(())
    }
}

/// The next connection, once there is room for it.
async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    let slot = Arc::clone(slots).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, slot),
            Err(error) => {
                tracing::warn!(
                    "could not accept a connection to the API: {error}; is the limit of open files too low?"
                );
                sleep(AFTER_FAILURE).await;
            }
        }
    }
}

/// Answers a connection's requests until either side has had enough. `time` is how long a head may take, and how long
/// the last answer may.
async fn hold(
    stream: TcpStream,
    _slot: Option<OwnedSemaphorePermit>,
    router: Router,
    time: Duration,
    mut stopped: watch::Receiver<bool>,
) {
    // A failure only means that answers wait a little for each other.
    let _ = stream.set_nodelay(true);
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(time);
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::pin!(connection);
    // How a connection ends is between the client and the network: nothing to report.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopped.wait_for(|stopped| *stopped) => {}
        () = sleep(CONNECTION_AGE_MAX) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(time, connection).await;
}
