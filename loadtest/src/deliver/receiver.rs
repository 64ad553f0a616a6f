//! A receiver that costs little: it looks for an action's number, and answers, or does not.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use super::actions::BEFORE_NUMBER;
use crate::error::Error;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// What came.
#[derive(Debug)]
pub(super) struct Received {
    /// How often each action came.
    pub(super) times: Vec<u32>,
    /// The number of the latest action of each user.
    latest: Vec<Option<u32>>,
    /// How many came after a later one of the same user.
    pub(super) out_of_order: u64,
    /// How many different ones came.
    pub(super) different: u64,
    /// All requests, also those that are no actions.
    pub(super) requests: u64,
    pub(super) first_at: Option<Instant>,
    pub(super) last_at: Option<Instant>,
}

/// A receiver on a port of this machine; it ends when it is dropped.
pub(super) struct ActionReceiver {
    pub(super) port: u16,
    received: Arc<Mutex<Received>>,
    accepting: AbortHandle,
}

impl ActionReceiver {
    /// Listens; answers if it is said so.
    pub(super) async fn start(messages: u32, users: u32, answers: bool) -> Result<ActionReceiver, Error> {
        let failed = |cause| Error::Io { attempt: "listen", cause };
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let received = Arc::new(Mutex::new(Received {
            times: vec![0; messages as usize],
            latest: vec![None; users as usize],
            out_of_order: 0,
            different: 0,
            requests: 0,
            first_at: None,
            last_at: None,
        }));
        let all = Arc::clone(&received);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&all), answers));
            }
        });
        Ok(ActionReceiver { port, received, accepting: accepting.abort_handle() })
    }

    /// Looks at what came.
    pub(super) fn look<T>(&self, at: impl FnOnce(&Received) -> T) -> T {
        at(&self.received.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for ActionReceiver {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Received {
    fn note(&mut self, body: &[u8]) {
        self.requests += 1;
        let Some(number) = number(body) else { return };
        let Some(times) = self.times.get_mut(number as usize) else { return };
        let now = Instant::now();
        self.first_at.get_or_insert(now);
        self.last_at = Some(now);
        *times += 1;
        self.different += u64::from(*times == 1);
        let user = number as usize % self.latest.len();
        self.out_of_order += u64::from(self.latest[user].is_some_and(|latest| latest > number));
        self.latest[user] = self.latest[user].max(Some(number));
    }
}

async fn serve(mut stream: TcpStream, all: Arc<Mutex<Received>>, answers: bool) {
    let _ = stream.set_nodelay(true);
    let mut bytes = Vec::with_capacity(4_096);
    loop {
        bytes.clear();
        loop {
            if let Some(body) = complete(&bytes) {
                all.lock().unwrap_or_else(PoisonError::into_inner).note(body);
                break;
            }
            match stream.read_buf(&mut bytes).await {
                Ok(read) if read > 0 => {}
                _ => return,
            }
        }
        if !answers {
            // It is read on, so that the end of the connection is seen.
            bytes.clear();
            while stream.read_buf(&mut bytes).await.is_ok_and(|read| read > 0) {
                bytes.clear();
            }
            return;
        }
        if stream.write_all(ANSWER).await.is_err() {
            return;
        }
    }
}

/// The body of a request, once all of it is there.
fn complete(request: &[u8]) -> Option<&[u8]> {
    let end = memchr::memmem::find(request, b"\r\n\r\n")?;
    let head = std::str::from_utf8(&request[..end]).ok()?;
    let length: usize = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    })?;
    request.get(end + 4..end + 4 + length)
}

/// The number of an action.
fn number(body: &[u8]) -> Option<u32> {
    let rest = &body[memchr::memmem::find(body, BEFORE_NUMBER)? + BEFORE_NUMBER.len()..];
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_an_action_is_found_in_its_request() {
        let request = b"POST / HTTP/1.1\r\nContent-Length: 15\r\n\r\n{\"number\":1234}";
        assert_eq!(complete(request).and_then(number), Some(1_234));
        assert_eq!(complete(&request[..request.len() - 1]), None);
    }

    #[test]
    fn what_comes_twice_or_late_is_counted() {
        let mut received = Received {
            times: vec![0; 6],
            latest: vec![None; 2],
            out_of_order: 0,
            different: 0,
            requests: 0,
            first_at: None,
            last_at: None,
        };
        for number in [0, 1, 4, 2, 2, 3] {
            received.note(format!("{{\"number\":{number}}}").as_bytes());
        }
        assert_eq!((received.out_of_order, received.different, received.requests), (2, 5, 6));
        assert_eq!(received.times, [1, 1, 2, 1, 1, 0]);
    }
}
