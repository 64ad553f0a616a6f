//! A receiver of requests whose answers the test decides.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A request that arrived.
#[derive(Clone, Debug)]
pub(crate) struct ReceivedRequest {
    pub(crate) head: String,
    pub(crate) body: Value,
}

impl ReceivedRequest {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// `data.n` of the event.
    pub(crate) fn number(&self) -> u64 {
        self.body["data"]["n"].as_u64().unwrap_or(u64::MAX)
    }
}

/// How a receiver answers.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// With a status, more header lines, and a body.
    With(u16, &'static str, &'static str),
    /// With a body that never ends.
    Endless,
    /// Not at all; the connection stays open.
    Silence,
    /// By closing the connection.
    Reset,
}

pub(crate) type Script = dyn Fn(&ReceivedRequest, usize) -> Answer + Send + Sync;

/// A receiver on a port of this machine.
pub(crate) struct Receiver {
    pub(crate) port: u16,
    received: Arc<Mutex<Vec<ReceivedRequest>>>,
}

impl Receiver {
    /// Answers each request as the script says, which is told how many there were before.
    pub(crate) async fn start(script: impl Fn(&ReceivedRequest, usize) -> Answer + Send + Sync + 'static) -> Receiver {
        Receiver::listen(None, script).await
    }

    /// The same, over TLS.
    pub(crate) async fn encrypted(
        acceptor: TlsAcceptor,
        script: impl Fn(&ReceivedRequest, usize) -> Answer + Send + Sync + 'static,
    ) -> Receiver {
        Receiver::listen(Some(acceptor), script).await
    }

    async fn listen(
        acceptor: Option<TlsAcceptor>,
        script: impl Fn(&ReceivedRequest, usize) -> Answer + Send + Sync + 'static,
    ) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let received = Arc::new(Mutex::new(Vec::new()));
        let (script, all): (Arc<Script>, _) = (Arc::new(script), Arc::clone(&received));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (script, all) = (Arc::clone(&script), Arc::clone(&all));
                match acceptor.clone() {
                    None => drop(tokio::spawn(serve(stream, script, all))),
                    Some(acceptor) => drop(tokio::spawn(async move {
                        if let Ok(stream) = acceptor.accept(stream).await {
                            serve(stream, script, all).await;
                        }
                    })),
                }
            }
        });
        Receiver { port, received }
    }

    pub(crate) fn requests(&self) -> Vec<ReceivedRequest> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn numbers(&self) -> Vec<u64> {
        self.requests().iter().map(ReceivedRequest::number).collect()
    }
}

async fn serve<S>(mut stream: S, script: Arc<Script>, all: Arc<Mutex<Vec<ReceivedRequest>>>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(request) = read(&mut stream).await {
        let answer = {
            let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
            let answer = script(&request, all.len());
            all.push(request);
            answer
        };
        match answer {
            Answer::With(status, headers, body) => {
                let length = body.len();
                let text = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{headers}\r\n{body}");
                if stream.write_all(text.as_bytes()).await.is_err() {
                    return;
                }
            }
            Answer::Endless => {
                let _ = stream.write_all(b"HTTP/1.1 200 X\r\ncontent-length: 1073741824\r\n\r\n").await;
                while stream.write_all(&[b'x'; 65_536]).await.is_ok() {}
                return;
            }
            Answer::Silence => std::future::pending().await,
            Answer::Reset => return,
        }
    }
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<ReceivedRequest> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut request = ReceivedRequest { head, body: Value::Null };
    let length: usize = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    while bytes.len() < end + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    request.body = serde_json::from_slice(&bytes[end + 4..]).unwrap_or_default();
    Some(request)
}
