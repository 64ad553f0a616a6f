//! The console's files.

use std::io::{Read as _, Write as _};

use rekindle_console::FILES;
use rekindle_settings::HttpSettings;

use super::{open, with_token};
use crate::api_server::{Answer, Api};

/// The head in small letters, and the bytes of the body.
fn bytes(api: &Api, path: &str, head: &str) -> (String, Vec<u8>) {
    let mut stream = api.connect();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{head}\r\n", api.address);
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    (String::from_utf8(answer[..end + 2].to_vec()).expect("UTF-8").to_lowercase(), answer[end + 4..].to_vec())
}

#[test]
fn each_file_is_served_as_it_is_and_compressed_with_a_strict_policy() {
    let api = open();
    for file in &FILES {
        for (asked, content, encoding) in [
            ("", file.content, None),
            ("Accept-Encoding: br, GZIP;q=0.5\r\n", file.gzip, Some("gzip")),
            ("Accept-Encoding: gzip;q=0\r\n", file.content, None),
        ] {
            let (head, body) = bytes(&api, file.path, asked);
            assert!(head.starts_with("http/1.1 200"), "{head}");
            assert!(body == content, "{} with {asked:?}", file.path);
            assert_eq!(head.contains("content-encoding: gzip"), encoding.is_some(), "{head}");
            for header in [
                &format!("content-type: {}", file.media_type),
                "cache-control: no-cache",
                "vary: accept-encoding",
                "x-content-type-options: nosniff",
                "referrer-policy: no-referrer",
                "x-frame-options: deny",
            ] {
                assert!(head.contains(&format!("\r\n{header}\r\n")), "{header} in {head}");
            }
            let policy =
                head.lines().find_map(|line| line.strip_prefix("content-security-policy: ")).expect("a policy");
            assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"), "{policy}");
            assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
        }
    }
}

#[test]
fn a_file_that_the_browser_has_is_not_sent_again() {
    let api = open();
    let tag_of = |answer: &Answer| {
        let tag = answer.head.lines().find_map(|line| line.strip_prefix("etag: ")).expect("an ETag");
        tag.to_owned()
    };
    let first = api.get("/console.js");
    let tag = tag_of(&first);
    for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
        let again = api.request("GET", "/console.js", &format!("If-None-Match: {known}\r\n"));
        assert_eq!((again.status, again.body.as_str()), (304, ""), "{again:?}");
        assert_eq!(tag_of(&again), tag);
    }
    for known in ["\"x\"", "x", ""] {
        assert_eq!(api.request("GET", "/console.js", &format!("If-None-Match: {known}\r\n")).status, 200, "{known}");
    }
    let zipped = api.request("HEAD", "/console.js", "Accept-Encoding: gzip\r\n");
    assert_ne!(tag_of(&zipped), tag, "other bytes have another tag");
    assert_ne!(tag_of(&api.get("/console.css")), tag);
}

#[test]
fn with_a_token_everybody_gets_the_page_to_sign_in_and_no_web_page_without_one() {
    let guarded = with_token();
    assert_eq!(guarded.get("/").status, 200);
    guarded.get("/index.html").problem(401);
    guarded.request("POST", "/", "Authorization: Bearer s3cret-s3cret-s3cret\r\n").problem(405);
    let named = |host: &str| open().raw(&format!("GET / HTTP/1.1\r\nConnection: close\r\nHost: {host}\r\n\r\n"));
    assert_eq!(named("localhost").status, 200);
    named("evil.example").problem(403);
}

#[test]
fn without_console_in_the_settings_there_is_none() {
    let api = Api::start(&HttpSettings { console: false, ..HttpSettings::default() });
    for file in &FILES {
        api.get(file.path).problem(404);
    }
}
