//! How long a client may take to read an answer.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// A stream whose other side must read what is written to it within a timeout, from the first byte to the last. A client that
/// reads nothing, or a byte now and then, does not keep an answer in memory for ever.
pub(super) struct WriteTimeout<S> {
    stream: S,
    timeout: Duration,
    /// When the timeout ends, while something is being written.
    end: Pin<Box<Sleep>>,
    is_writing: bool,
}

impl<S> WriteTimeout<S> {
    pub(super) fn new(stream: S, timeout: Duration) -> WriteTimeout<S> {
        WriteTimeout { stream, timeout, end: Box::pin(sleep(timeout)), is_writing: false }
    }

    /// The result of a write, unless the timeout has passed.
    fn unless_over<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if !self.is_writing {
            self.is_writing = true;
            let end = Instant::now() + self.timeout;
            self.end.as_mut().reset(end);
        }
        if written.is_pending() {
            ready!(self.end.as_mut().poll(cx));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WriteTimeout<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WriteTimeout<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.unless_over(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, buffers);
        self.unless_over(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// The writer flushes once it has nothing left to write.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.is_writing = false;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_nothing_times_out() {
        let (server, _client) = duplex(100);
        let (mut server, began) = (WriteTimeout::new(server, TIMEOUT), Instant::now());
        let error = server.write_all(&[0; 1_000]).await.expect_err("the client reads nothing");
        assert_eq!((error.kind(), began.elapsed()), (io::ErrorKind::TimedOut, TIMEOUT));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_a_byte_now_and_then_times_out_as_well() {
        let (server, mut client) = duplex(100);
        let (mut server, began) = (WriteTimeout::new(server, TIMEOUT), Instant::now());
        tokio::spawn(async move {
            while client.read_u8().await.is_ok() {
                sleep(Duration::from_secs(1)).await;
            }
        });
        let error = server.write_all(&[0; 1_000]).await.expect_err("it takes too long");
        assert_eq!((error.kind(), began.elapsed()), (io::ErrorKind::TimedOut, TIMEOUT));
    }

    #[tokio::test(start_paused = true)]
    async fn each_answer_has_its_own_time() {
        let (server, mut client) = duplex(100);
        let (mut server, began) = (WriteTimeout::new(server, TIMEOUT), Instant::now());
        tokio::spawn(async move {
            let mut buffer = [0; 100];
            while client.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                sleep(Duration::from_secs(4)).await;
            }
        });
        for _ in 0..5 {
            server.write_all(&[0; 300]).await.expect("it is read in time");
            server.flush().await.expect("all is written");
            sleep(Duration::from_secs(30)).await;
        }
        assert!(began.elapsed() > Duration::from_secs(150));
    }
}
