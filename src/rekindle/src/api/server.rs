//! Accepts connections and serves them until the server is stopped.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::connections::{ConnectionLimits, ConnectionReserve, ConnectionSlot};
use super::error::ApiError;
use super::routes::Routes;
use super::write_timeout::WriteTimeout;

/// After this, a connection is closed once it is idle.
const CONNECTION_AGE_MAX: Duration = Duration::from_secs(600);

/// The timeout of each step on a connection of the reserve, which is for one request about health.
const RESERVE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long to wait after a connection could not be accepted: usually the process has too many open files.
const ACCEPT_RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// A server that is bound but does not serve yet.
#[derive(Debug)]
pub struct HttpServer {
    listener: TcpListener,
    address: SocketAddr,
}

impl HttpServer {
    /// Binds an address.
    ///
    /// # Errors
    /// It is in use, or not this machine's.
    pub async fn bind(address: SocketAddr) -> Result<HttpServer, ApiError> {
        let listener = TcpListener::bind(address).await.map_err(|source| ApiError::Bind { address, source })?;
        let address = listener.local_addr().map_err(ApiError::Address)?;
        Ok(HttpServer { listener, address })
    }

    /// The address it is bound to: with port 0, the system chose the port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is done and the requests under way are answered, or have taken too long.
    ///
    /// # Errors
    /// The routes are for this machine only, and other machines can reach the address.
    pub async fn serve(self, routes: Routes, stop: impl Future<Output = ()>) -> Result<(), ApiError> {
        if routes.loopback_only && !self.address.ip().to_canonical().is_loopback() {
            return Err(ApiError::Exposed(self.address));
        }
        let held = ConnectionLimits::new(routes.connections);
        let (stopping, stopped) = watch::channel(false);
        let (mut connections, mut reserve) = (JoinSet::new(), ConnectionReserve::default());
        tokio::pin!(stop);
        loop {
            let (stream, from) = tokio::select! {
                () = &mut stop => break,
                accepted = accept(&self.listener) => accepted,
                Some(_) = connections.join_next() => continue,
            };
            // No connection waits in the system's queue: one that is refused gets its answer at once.
            if let Some(slot) = held.admit(from.ip()) {
                connections.spawn(serve_connection(stream, slot, routes.router.clone(), routes.time, stopped.clone()));
            } else {
                reserve.room().await;
                reserve.add(connections.spawn(answer_one(stream, routes.health.clone())));
            }
        }
        drop(self.listener);
        stopping.send_replace(true);
        while connections.join_next().await.is_some() {}
        Ok(())
    }
}

/// The next connection, and where it comes from.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::warn!(
                    "could not accept a connection to the API: {error}; is the limit of open files too low?"
                );
                sleep(ACCEPT_RETRY_INTERVAL).await;
            }
        }
    }
}

/// Answers one request on a connection of the reserve.
async fn answer_one(stream: TcpStream, router: Router) {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(RESERVE_TIMEOUT).keep_alive(false);
    let stream = TokioIo::new(WriteTimeout::new(stream, RESERVE_TIMEOUT));
    // How a connection ends is not reported.
    let _ = timeout(2 * RESERVE_TIMEOUT, builder.serve_connection(stream, TowerToHyperService::new(router))).await;
}

/// Answers a connection's requests until either side closes it. `time` limits how long a head may take to arrive (so also how
/// long the connection may be idle), and how long the client may take to read an answer.
async fn serve_connection(
    stream: TcpStream,
    _slot: ConnectionSlot,
    router: Router,
    time: Duration,
    mut stopped: watch::Receiver<bool>,
) {
    // A failure only means more latency.
    let _ = stream.set_nodelay(true);
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(time);
    let connection =
        builder.serve_connection(TokioIo::new(WriteTimeout::new(stream, time)), TowerToHyperService::new(router));
    tokio::pin!(connection);
    // How a connection ends is not reported.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopped.wait_for(|stopped| *stopped) => {}
        () = sleep(CONNECTION_AGE_MAX) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(time, connection).await;
}
