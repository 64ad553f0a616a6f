//! A TCP proxy in front of a server, for connections that break or hang.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A proxy on a port of its own, until it is dropped.
pub struct Proxy {
    port: u16,
    state: Arc<ProxyState>,
}

#[derive(Default)]
struct ProxyState {
    /// Nothing passes, and nothing is closed.
    paused: AtomicBool,
    /// New connections are closed at once.
    refusing: AtomicBool,
    /// The most that each direction of a connection passes in a second, in bytes; 0: no bound.
    bytes_per_second: AtomicU64,
    ended: AtomicBool,
    accepted: AtomicU64,
    open: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// Passes on to this port of 127.0.0.1.
    pub fn to(port: u16) -> Proxy {
        Proxy::listening(0, port)
    }

    /// The same, on a port that was chosen.
    pub fn listening(at: u16, port: u16) -> Proxy {
        let listener = TcpListener::bind(("127.0.0.1", at)).expect("a free port");
        let proxy = Proxy { port: listener.local_addr().expect("an address").port(), state: Arc::default() };
        let state = Arc::clone(&proxy.state);
        thread::spawn(move || accept(&listener, port, &state));
        proxy
    }

    /// `nats://127.0.0.1:port`
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Closes every connection there is; new ones are let in.
    pub fn cut(&self) {
        for stream in self.state.open.lock().expect("no panic").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Holds everything back, without closing anything: a dead peer.
    pub fn pause(&self) {
        self.state.paused.store(true, Ordering::Release);
    }

    /// Lets pass what was held back.
    pub fn resume(&self) {
        self.state.paused.store(false, Ordering::Release);
    }

    /// Passes no more than this in a second, each way, on each connection; 0: no bound.
    pub fn throttle(&self, bytes_per_second: u64) {
        self.state.bytes_per_second.store(bytes_per_second, Ordering::Release);
    }

    /// Whether new connections are closed at once.
    pub fn refuse(&self, refusing: bool) {
        self.state.refusing.store(refusing, Ordering::Release);
    }

    /// Connections let in so far.
    pub fn accepted(&self) -> u64 {
        self.state.accepted.load(Ordering::Acquire)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::Release);
        self.cut();
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn accept(listener: &TcpListener, port: u16, state: &Arc<ProxyState>) {
    for client in listener.incoming() {
        if state.ended.load(Ordering::Acquire) {
            return;
        }
        let Ok(client) = client else { continue };
        if state.refusing.load(Ordering::Acquire) {
            continue;
        }
        let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
        state.accepted.fetch_add(1, Ordering::AcqRel);
        for (from, to) in [(&client, &server), (&server, &client)] {
            let (from, to) = (from.try_clone().expect("a handle"), to.try_clone().expect("a handle"));
            let state = Arc::clone(state);
            thread::spawn(move || pass(from, to, &state));
        }
        state.open.lock().expect("no panic").extend([client, server]);
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, state: &ProxyState) {
    let mut buffer = vec![0; 1 << 16];
    from.set_read_timeout(Some(Duration::from_millis(50))).expect("a time");
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => continue,
            Err(_) => break,
        };
        while state.paused.load(Ordering::Acquire) && !state.ended.load(Ordering::Acquire) {
            thread::sleep(Duration::from_millis(5));
        }
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
        if let Some(nanoseconds) =
            (count as u64 * 1_000_000_000).checked_div(state.bytes_per_second.load(Ordering::Acquire))
        {
            thread::sleep(Duration::from_nanos(nanoseconds));
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
