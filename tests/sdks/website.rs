//! A website on an origin of its own: the pages of `tests/sdks/pages`, what tests add, and packages from npm under `/modules`.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rekindle_test_kit::repository;

/// What a website serves, until it is dropped.
pub(crate) struct TestWebsite {
    port: u16,
    ended: Arc<AtomicBool>,
}

#[derive(Debug)]
struct WebsiteFiles {
    modules: PathBuf,
    added: BTreeMap<String, String>,
}

impl TestWebsite {
    /// With these pages beside those of the folder.
    pub(crate) fn open(modules: PathBuf, added: BTreeMap<String, String>) -> TestWebsite {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let (files, ended) = (Arc::new(WebsiteFiles { modules, added }), Arc::<AtomicBool>::default());
        let is_ended = Arc::clone(&ended);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if is_ended.load(Ordering::Acquire) {
                    return;
                }
                let files = Arc::clone(&files);
                std::thread::spawn(move || files.serve(client));
            }
        });
        TestWebsite { port, ended }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for TestWebsite {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl WebsiteFiles {
    fn serve(&self, mut client: TcpStream) {
        let mut lines = BufReader::new(client.try_clone().expect("a handle")).lines().map_while(Result::ok);
        let Some(first) = lines.next() else { return };
        lines.take_while(|line| !line.is_empty()).for_each(drop);
        let path = first.split([' ', '?']).nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
        let kind = match path.rsplit('.').next() {
            Some("html") => "text/html",
            _ => "text/javascript",
        };
        let (status, body) = match self.file(&path) {
            Some(body) => ("200 OK", body),
            None => ("404 Not Found", Vec::new()),
        };
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        let _ = client.write_all(&[head.as_bytes(), &body].concat());
    }

    fn file(&self, path: &str) -> Option<Vec<u8>> {
        if let Some(text) = self.added.get(path) {
            return Some(text.clone().into_bytes());
        }
        let file = match path.strip_prefix("modules/") {
            Some(module) => self.modules.join("node_modules").join(module),
            None => repository().join("tests/sdks/pages").join(path),
        };
        fs::read(file).ok()
    }
}
