//! Accepts connections and serves them until the server is stopped.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower::ServiceExt as _;

use super::connections::{ConnectionLimits, ConnectionReserve, ConnectionSlot, ConnectionsMax};
use super::write_timeout::WriteTimeout;

/// After this, a connection is closed once it is idle.
const CONNECTION_AGE_MAX: Duration = Duration::from_secs(600);

/// The timeout of each step on a connection of the reserve, which is for one request about health.
const RESERVE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long to wait after a connection could not be accepted: usually the process has too many open files.
const ACCEPT_RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// Why an address can't be listened on.
#[derive(Debug, Error)]
pub enum BindError {
    /// The address can't be bound.
    #[error("could not listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// It is in use, or not this machine's.
        source: io::Error,
    },
    /// The system does not report the address of the socket.
    #[error("could not ask the system which address is listened on: {0}")]
    Address(io::Error),
}

/// What is served, and within which limits.
#[derive(Clone)]
pub struct WebService {
    /// What is served.
    pub router: Router,
    /// What is served on a connection beyond the limits.
    pub reserve: Router,
    /// How long the head of a request may take to arrive, and an answer to be read by the client.
    pub time: Duration,
    /// How many connections there may be.
    pub connections: ConnectionsMax,
}

impl fmt::Debug for WebService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebService").field("connections", &self.connections).finish_non_exhaustive()
    }
}

/// Where a request's connection comes from: an extension of every request. Behind a proxy, it is the proxy's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

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
    pub async fn bind(address: SocketAddr) -> Result<HttpServer, BindError> {
        let listener = TcpListener::bind(address).await.map_err(|source| BindError::Bind { address, source })?;
        let address = listener.local_addr().map_err(BindError::Address)?;
        Ok(HttpServer { listener, address })
    }

    /// The address it is bound to: with port 0, the system chose the port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is done and the requests under way are answered, or have taken too long.
    pub async fn serve(self, service: WebService, stop: impl Future<Output = ()>) {
        let held = ConnectionLimits::new(service.connections);
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
                let serving = ServedConnection { stream, from: from.ip(), slot, stopped: stopped.clone() };
                connections.spawn(serving.run(service.router.clone(), service.time));
            } else {
                reserve.room().await;
                reserve.add(connections.spawn(answer_one(stream, service.reserve.clone())));
            }
        }
        drop(self.listener);
        stopping.send_replace(true);
        while connections.join_next().await.is_some() {}
    }
}

/// The next connection, and where it comes from.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::warn!("could not accept a connection: {error}; is the limit of open files too low?");
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

/// A connection within the limits.
struct ServedConnection {
    stream: TcpStream,
    from: IpAddr,
    slot: ConnectionSlot,
    stopped: watch::Receiver<bool>,
}

impl ServedConnection {
    /// Answers requests until either side closes the connection. `time` limits how long a head may take to arrive (so also how
    /// long the connection may be idle), and how long the client may take to read an answer.
    async fn run(self, router: Router, time: Duration) {
        let ServedConnection { stream, from, slot, mut stopped } = self;
        // A failure only means more latency.
        let _ = stream.set_nodelay(true);
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(time);
        let router = router.map_request(move |mut request: Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(ClientAddress(from));
            request
        });
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
        drop(slot);
    }
}
