//! An HTTP client that costs little: requests are bytes that were prepared, and of answers only the status counts.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::error::Error;

/// The longest answer that is read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// A connection that is kept.
pub(crate) struct PreparedClient {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl PreparedClient {
    /// Connects.
    pub(crate) async fn connect(address: SocketAddr) -> Result<PreparedClient, Error> {
        let failed = |cause| Error::Io { attempt: "connect over HTTP", cause };
        let stream = TcpStream::connect(address).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        Ok(PreparedClient { stream, answer: Vec::new() })
    }

    /// Sends a request, and returns the status of the answer.
    pub(crate) async fn send(&mut self, request: &[u8]) -> Result<u16, Error> {
        let failed = |cause| Error::Io { attempt: "send a request", cause };
        self.stream.write_all(request).await.map_err(failed)?;
        self.answer.clear();
        loop {
            if self.stream.read_buf(&mut self.answer).await.map_err(failed)? == 0 {
                return Err(failed(std::io::ErrorKind::UnexpectedEof.into()));
            }
            if let Some(status) = complete(&self.answer) {
                return status.ok_or_else(|| Error::Unreadable("an answer is not HTTP".to_owned()));
            }
            if self.answer.len() > ANSWER_BYTES_MAX {
                return Err(Error::Unreadable("an answer is too long".to_owned()));
            }
        }
    }
}

/// The status of an answer once all of it is there; within: `None` if it is no HTTP.
fn complete(answer: &[u8]) -> Option<Option<u16>> {
    let end = memchr::memmem::find(answer, b"\r\n\r\n")?;
    let Ok(head) = std::str::from_utf8(&answer[..end]) else { return Some(None) };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (answer.len() >= end + 4 + length.unwrap_or(0)).then_some(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_complete_when_its_body_is_there() {
        let answer = b"HTTP/1.1 503 X\r\nContent-length: 3\r\n\r\nabc";
        assert_eq!(complete(answer), Some(Some(503)));
        assert_eq!([complete(&answer[..answer.len() - 1]), complete(&answer[..20])], [None, None]);
        assert_eq!(complete(b"nonsense\r\n\r\n"), Some(None));
    }
}
