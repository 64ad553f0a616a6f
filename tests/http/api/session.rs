//! Signing in, roles, and what other sites can't do with a session.

use rekindle_settings::{HttpSettings, Secret};

use super::{READ_TOKEN, TOKEN, open, with_both_tokens, with_token};
use crate::api_server::{Answer, Api};

fn sign_in_from(api: &Api, token: &str, head: &str) -> Answer {
    let body = serde_json::json!({ "token": token }).to_string();
    let head = format!("Content-Type: application/json\r\nContent-Length: {}\r\n{head}", body.len());
    let start = format!("POST /v1/session HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", api.address);
    api.raw(&format!("{start}{head}\r\n{body}"))
}

fn sign_in(api: &Api, token: &str) -> Answer {
    sign_in_from(api, token, "")
}

fn set_cookie(answer: &Answer) -> &str {
    answer.cookies.first().expect("a cookie")
}

/// The header by which a browser returns the session.
fn cookie(answer: &Answer) -> String {
    format!("Cookie: {}\r\n", set_cookie(answer).split(';').next().expect("a name and a value"))
}

/// The headers of a request that a page of this server makes.
fn own_page(api: &Api, cookie: &str) -> String {
    format!("{cookie}Sec-Fetch-Site: same-origin\r\nOrigin: http://{}\r\n", api.address)
}

#[test]
fn a_token_becomes_a_session_that_no_script_and_no_other_site_has() {
    let api = with_both_tokens();
    for (token, role) in [(TOKEN, "operator"), (READ_TOKEN, "reader")] {
        let answer = sign_in(&api, token);
        assert_eq!((answer.status, answer.json()), (200, serde_json::json!({"role": role, "sign_in": true})));
        let set = set_cookie(&answer);
        for part in ["; HttpOnly", "; SameSite=Strict", "; Path=/", "; Max-Age=43200"] {
            assert!(set.contains(part), "{set}");
        }
        assert!(!set.contains("Secure") && !set.contains(token), "{set}");
        let cookie = cookie(&answer);
        let who = api.request("GET", "/v1/session", &cookie);
        assert_eq!(who.json()["role"], role);
        assert_eq!(api.request("GET", "/v1/stats", &cookie).status, 200);
        let over = api.request("DELETE", "/v1/session", &own_page(&api, &cookie));
        assert_eq!(over.status, 204);
        assert!(set_cookie(&over).contains("Max-Age=0"), "{over:?}");
        assert!(api.request("GET", "/v1/stats", &cookie).problem(401).contains("sign in again"));
    }
    assert_ne!(cookie(&sign_in(&api, TOKEN)), cookie(&sign_in(&api, TOKEN)));
    for encrypted in ["X-Forwarded-Proto: https\r\n", &format!("Origin: https://{}\r\n", api.address)] {
        assert!(set_cookie(&sign_in_from(&api, TOKEN, encrypted)).contains("; Secure"));
    }
    api.get("/v1/session").problem(401);
}

#[test]
fn without_a_token_nobody_signs_in() {
    let api = open();
    let expected = serde_json::json!({"role": "operator", "sign_in": false});
    assert_eq!(api.get("/v1/session").json(), expected);
    let answer = sign_in(&api, "anything");
    assert_eq!((answer.status, answer.json(), answer.cookies.len()), (200, expected, 0));
    let evil = "POST /v1/session HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    api.raw(evil).problem(403);
}

/// Every operation of the document, by what it needs.
#[test]
fn readers_read_everything_and_change_nothing() {
    let api = with_both_tokens();
    let reader = format!("Authorization: Bearer {READ_TOKEN}\r\n");
    let session = own_page(&api, &cookie(&sign_in(&api, READ_TOKEN)));
    let document = api.request("GET", "/v1/openapi.json", &reader).json();
    let changes = [
        ("delete", "/v1/users/{id}"),
        ("post", "/v1/users/{id}/consent"),
        ("put", "/v1/rules"),
        ("post", "/v1/rules/reload"),
        ("delete", "/v1/rules/reload"),
    ];
    let mut refused = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        for method in item.as_object().expect("operations").keys() {
            let uri = path.replace("{id}", "seen").replace("{kind}", "users").replace("{version}", "x");
            for head in [&reader, &session] {
                if path == "/v1/session" || path == "/v1/live" {
                    continue;
                }
                let answer = api.request(&method.to_uppercase(), &uri, head);
                let is_change = changes.contains(&(method.as_str(), path.as_str()));
                assert_eq!(answer.status == 403, is_change, "{method} {path}: {answer:?}");
                assert!(answer.status != 401, "{method} {path}: {answer:?}");
                refused += u32::from(is_change);
            }
        }
    }
    assert_eq!(refused, 2 * changes.len() as u32, "each change is in the document");
    let answer = api.request("POST", "/v1/rules/reload", &reader).problem(403);
    assert!(answer.contains("operators"), "{answer}");
    for head in [format!("Authorization: Bearer {TOKEN}\r\n"), own_page(&api, &cookie(&sign_in(&api, TOKEN)))] {
        assert_eq!(api.request("POST", "/v1/rules/reload", &head).status, 200);
    }
}

/// The browser sends the cookie with what pages of the same site, or older browsers with those of any site, ask for.
#[test]
fn a_session_changes_nothing_for_pages_of_other_sites() {
    let api = with_token();
    let cookie = cookie(&sign_in(&api, TOKEN));
    let address = api.address;
    for from in [
        "Sec-Fetch-Site: cross-site\r\n".to_owned(),
        "Sec-Fetch-Site: same-site\r\n".to_owned(),
        "Origin: https://evil.example\r\n".to_owned(),
        "Origin: null\r\n".to_owned(),
        format!("Origin: http://{address}.evil.example\r\n"),
        "Origin: http://127.0.0.1:1\r\n".to_owned(),
        format!("Sec-Fetch-Site: cross-site\r\nOrigin: http://{address}\r\n"),
        // No browser leaves out both.
        String::new(),
    ] {
        for (method, path) in [("POST", "/v1/rules/reload"), ("DELETE", "/v1/users/u"), ("DELETE", "/v1/session")] {
            api.request(method, path, &format!("{cookie}{from}")).problem(403);
        }
    }
    assert_eq!(api.request("POST", "/v1/rules/reload", &own_page(&api, &cookie)).status, 200);
    let origin = format!("{cookie}Origin: http://{address}\r\n");
    assert_eq!(api.request("POST", "/v1/rules/reload", &origin).status, 200);
    // Somebody else's session is not put upon a victim either.
    sign_in_from(&api, TOKEN, "Sec-Fetch-Site: cross-site\r\n").problem(403);
    sign_in_from(&api, TOKEN, "Origin: https://evil.example\r\n").problem(403);
}

#[test]
fn forged_sessions_open_nothing() {
    let api = with_token();
    let real = cookie(&sign_in(&api, TOKEN));
    let value = real.trim_start_matches("Cookie: rekindle_session=").trim_end();
    for forged in [
        "Cookie: rekindle_session=\r\n".to_owned(),
        "Cookie: rekindle_session=operator\r\n".to_owned(),
        format!("Cookie: rekindle_session={}\r\n", "A".repeat(43)),
        format!("Cookie: rekindle_session={TOKEN}\r\n"),
        format!("Cookie: session={value}\r\n"),
        // One of two may be what a page of a sibling domain has set.
        format!("Cookie: rekindle_session={value}; rekindle_session=x\r\n"),
    ] {
        api.request("GET", "/v1/stats", &forged).problem(401);
    }
    let twice = format!("{real}Cookie: rekindle_session=x\r\n");
    api.request("GET", "/v1/stats", &twice).problem(403);
    // A wrong token does not become right by a session.
    api.request("GET", "/v1/stats", &format!("{real}Authorization: Bearer x\r\n")).problem(401);
    assert_eq!(api.request("GET", "/v1/stats", &real).status, 200);
}

#[test]
fn ten_thousand_wrong_tokens_are_mostly_not_even_compared() {
    let api = with_token();
    let guess = |number: u32| sign_in(&api, &format!("guessed-guessed-{number}"));
    let mut statuses = std::collections::BTreeMap::<u16, u32>::new();
    for number in 0..10_000 {
        *statuses.entry(guess(number).status).or_default() += 1;
    }
    // A minute may have ended in between.
    let compared = statuses.get(&401).copied().unwrap_or_default();
    let total: u32 = statuses.values().sum();
    assert!((10..=100).contains(&compared) && statuses[&429] == total - compared, "{statuses:?}");
    let refused = sign_in(&api, TOKEN);
    assert!(refused.problem(429).contains("wait"), "not even the right one");
    assert!(refused.head.contains("\r\nretry-after: "), "{refused:?}");
    let bearer = format!("Authorization: Bearer {TOKEN}\r\n");
    assert_eq!(api.request("GET", "/v1/stats", &bearer).status, 200, "programs with the token are not kept out");
}

#[test]
fn a_body_that_is_no_sign_in_is_refused_and_not_repeated() {
    let api = with_token();
    let post = |media_type: &str, body: &str| {
        let head = format!("Content-Type: {media_type}\r\nContent-Length: {}\r\n", body.len());
        let start = format!("POST /v1/session HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", api.address);
        api.raw(&format!("{start}{head}\r\n{body}"))
    };
    for body in ["", "{", "[]", "{}", r#"{"token": 7}"#, r#"{"token": "hunter2", "more": 1}"#] {
        let detail = post("application/json", body).problem(400);
        assert!(!detail.contains("hunter2"), "{detail}");
    }
    let right = format!(r#"{{"token": "{TOKEN}"}}"#);
    for media_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""] {
        post(media_type, &right).problem(415);
    }
    assert_eq!(post("application/json; charset=utf-8", &right).status, 200);
    let large = format!(r#"{{"token": "{}"}}"#, "x".repeat(1 << 20));
    post("application/json", &large).problem(413);
}

#[test]
fn two_tokens_that_are_one_are_an_error_at_the_start() {
    let token = |text: &str| Some(Secret::Environment(text.to_owned()));
    let settings = |token, read_token| HttpSettings { token, read_token, ..HttpSettings::default() };
    for settings in [settings(token(TOKEN), token(TOKEN)), settings(None, token(READ_TOKEN))] {
        assert!(super::access::refusal(&settings).contains("http.read_token_file"));
    }
}
