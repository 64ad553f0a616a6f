//! An HTTP proxy before the collector that fails the way networks and balancers do.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ProxyFault {
    /// 429, with `Retry-After`.
    TooMany,
    /// 503, with `Retry-After`.
    Unavailable,
    /// The connection ends before the collector has the request.
    LostRequest,
    /// The connection ends after the collector has answered, without the answer.
    LostAnswer,
    /// The answer takes its time.
    Slow,
}

impl ProxyFault {
    pub(crate) const ALL: [ProxyFault; 5] = [
        ProxyFault::TooMany,
        ProxyFault::Unavailable,
        ProxyFault::LostRequest,
        ProxyFault::LostAnswer,
        ProxyFault::Slow,
    ];
}

/// The requests that are disturbed, of those that bring events.
const DISTURBED: [usize; 2] = [0, 2];

const SLOWNESS: Duration = Duration::from_secs(2);

/// How long the collector may be away.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// A proxy on a port of its own, until it is dropped.
pub(crate) struct FaultyProxy {
    port: u16,
    ended: Arc<AtomicBool>,
    requests: Arc<AtomicUsize>,
}

impl FaultyProxy {
    /// Passes on to this port of 127.0.0.1, and does this to some requests.
    pub(crate) fn before(port: u16, fault: Option<ProxyFault>) -> FaultyProxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let own = listener.local_addr().expect("an address").port();
        let (ended, requests): (Arc<AtomicBool>, Arc<AtomicUsize>) = Default::default();
        let (is_ended, count) = (Arc::clone(&ended), Arc::clone(&requests));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if is_ended.load(Ordering::Acquire) {
                    return;
                }
                let count = Arc::clone(&count);
                std::thread::spawn(move || serve(client, port, fault, &count));
            }
        });
        FaultyProxy { port: own, ended, requests }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How many requests brought events.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::Acquire)
    }
}

impl Drop for FaultyProxy {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// One request; the connection is closed behind it.
fn serve(mut client: TcpStream, port: u16, fault: Option<ProxyFault>, count: &AtomicUsize) {
    let Some(request) = read_request(&mut client) else { return };
    let is_event = request.starts_with(b"POST") || request.starts_with(b"GET /track");
    let number = if is_event { count.fetch_add(1, Ordering::AcqRel) } else { usize::MAX };
    let origin = String::from_utf8_lossy(&request).lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("origin").then(|| value.to_owned())
    });
    // As the collector, of which Amplitude expects the number.
    let is_amplitude = request.starts_with(b"POST /2/httpapi");
    let refuse = |status: &str| {
        let origin = origin.map(|origin| {
            format!("Access-Control-Allow-Origin: {origin}\r\nAccess-Control-Allow-Credentials: true\r\n")
        });
        let origin = origin.unwrap_or_default();
        let code = if is_amplitude { &status[..3] } else { "\"unavailable\"" };
        let body = format!("{{\"code\":{code},\"message\":\"later\"}}");
        let length = body.len();
        format!(
            "HTTP/1.1 {status}\r\nRetry-After: 1\r\n{origin}Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
    };
    let refusal = match fault.filter(|_| DISTURBED.contains(&number)) {
        Some(ProxyFault::TooMany) => refuse("429 Too Many Requests"),
        Some(ProxyFault::Unavailable) => refuse("503 Service Unavailable"),
        Some(ProxyFault::LostRequest) => String::new(),
        fault => {
            let answer = forward(&request, port);
            if fault == Some(ProxyFault::Slow) {
                std::thread::sleep(SLOWNESS);
            }
            if fault != Some(ProxyFault::LostAnswer) {
                let _ = client.write_all(&answer);
            }
            return;
        }
    };
    let _ = client.write_all(refusal.as_bytes());
}

/// The collector's answer; nothing where it was cut off.
fn forward(request: &[u8], port: u16) -> Vec<u8> {
    let began = Instant::now();
    let mut server = loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(server) => break server,
            Err(_) if began.elapsed() < CONNECT_TIMEOUT => std::thread::sleep(Duration::from_millis(20)),
            Err(_) => return Vec::new(),
        }
    };
    let mut answer = Vec::new();
    let _ = server.write_all(request);
    let _ = server.read_to_end(&mut answer);
    answer
}

/// A whole request that asks for the connection's end.
fn read_request(client: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut read = |bytes: &mut Vec<u8>| {
        let mut buffer = [0; 65_536];
        let count = client.read(&mut buffer).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&buffer[..count]);
        Some(())
    };
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        read(&mut bytes)?;
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
    };
    let is_chunked = header("transfer-encoding").is_some_and(|encoding| encoding.eq_ignore_ascii_case("chunked"));
    let length: usize = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let is_whole = |bytes: &[u8]| match is_chunked {
        true => bytes.ends_with(b"0\r\n\r\n"),
        false => bytes.len() >= end + 4 + length,
    };
    while !is_whole(&bytes) {
        read(&mut bytes)?;
    }
    let kept = head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    let head: String = kept.map(|line| format!("{line}\r\n")).collect();
    Some([format!("{head}Connection: close\r\n\r\n").as_bytes(), &bytes[end + 4..]].concat())
}
