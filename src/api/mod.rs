//! HTTP: metrics and health. Binds where it is told; who may ask is the operator's choice of address.

use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;

/// A server that is bound but does not serve yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
}

impl Server {
    /// Binds an address.
    ///
    /// # Errors
    /// It is in use, or not this machine's.
    pub async fn bind(address: SocketAddr) -> io::Result<Server> {
        Ok(Server { listener: TcpListener::bind(address).await? })
    }

    /// The address it is bound to: with port 0, the system chose the port.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until the process ends.
    ///
    /// # Errors
    /// The socket fails.
    pub async fn serve(self, metrics: PrometheusHandle) -> io::Result<()> {
        let render = move || async move {
            ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.render()).into_response()
        };
        let routes = Router::new().route("/metrics", get(render)).route("/healthz", get(|| async { "ok\n" }));
        axum::serve(self.listener, routes).await
    }
}
