//! Clients of the HTTP API that keep their connections.

use std::net::SocketAddr;

use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpStream;

use super::LookupRate;
use super::lookups::{LookupClient, LookupResults};
use crate::error::Error;

/// Looks up the segments of random users, each client on a connection that it keeps.
pub(super) async fn ask(address: SocketAddr, users: u32, pace: LookupRate) -> Result<LookupResults, Error> {
    let clients: Vec<_> =
        (0..pace.askers).map(|number| tokio::spawn(client(address, LookupClient::new(number, users, pace)))).collect();
    let mut all = LookupResults::new();
    for client in clients {
        all.add(&client.await.map_err(|_| Error::Unreadable("a client has died".to_owned()))??);
    }
    Ok(all)
}

async fn client(address: SocketAddr, mut asker: LookupClient) -> Result<LookupResults, Error> {
    let failed = |why: String| Error::Unreadable(format!("could not ask the API: {why}"));
    let stream = TcpStream::connect(address).await.map_err(|error| failed(error.to_string()))?;
    stream.set_nodelay(true).map_err(|error| failed(error.to_string()))?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| failed(error.to_string()))?;
    let connection = tokio::spawn(connection);
    let mut asked = LookupResults::new();
    while let Some(at) = asker.next() {
        let user = asker.user();
        tokio::time::sleep_until(at.into()).await;
        let at = asker.since(at);
        let segments = segments_of(&mut sender, address, &user).await.map_err(failed)?;
        asked.note(at.elapsed(), !segments.is_empty());
    }
    connection.abort();
    Ok(asked)
}

/// The answer, as a client reads it.
#[derive(Deserialize)]
struct LookupResponse {
    user: String,
    segments: Vec<String>,
}

async fn segments_of(
    sender: &mut SendRequest<Empty<bytes::Bytes>>,
    address: SocketAddr,
    user: &str,
) -> Result<Vec<String>, String> {
    sender.ready().await.map_err(|error| error.to_string())?;
    let request = Request::get(format!("/v1/users/{user}/segments")).header(HOST, address.to_string());
    let request = request.body(Empty::new()).map_err(|error| error.to_string())?;
    let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
    let status = response.status();
    let body = response.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
    let said = || String::from_utf8_lossy(&body).into_owned();
    if status != StatusCode::OK {
        return Err(format!("{status}: {}", said()));
    }
    match serde_json::from_slice::<LookupResponse>(&body) {
        Ok(answer) if answer.user == user => Ok(answer.segments),
        _ => Err(format!("asked for {user}, and it said {}", said())),
    }
}
