//! An HTTP client whose answers are read: one request after the other on a connection that it keeps.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::error::Error;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// A connection that is kept.
pub(crate) struct JsonClient {
    sender: SendRequest<Empty<Bytes>>,
    connection: JoinHandle<Result<(), hyper::Error>>,
    address: SocketAddr,
}

impl JsonClient {
    /// Connects.
    pub(crate) async fn connect(address: SocketAddr) -> Result<JsonClient, Error> {
        let stream = TcpStream::connect(address).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(failed)?;
        Ok(JsonClient { sender, connection: tokio::spawn(connection), address })
    }

    /// The status and the body of an answer.
    pub(crate) async fn get(&mut self, path: &str) -> Result<(StatusCode, Bytes), Error> {
        let answered = async {
            self.sender.ready().await.map_err(failed)?;
            let request = Request::get(path).header(HOST, self.address.to_string()).body(Empty::new());
            let response = self.sender.send_request(request.map_err(failed)?).await.map_err(failed)?;
            let status = response.status();
            let body = response.into_body().collect().await.map_err(failed)?.to_bytes();
            Ok((status, body))
        };
        tokio::time::timeout(PATIENCE, answered).await.map_err(failed)?
    }
}

impl Drop for JsonClient {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Unreadable(format!("could not ask the API: {error}"))
}
