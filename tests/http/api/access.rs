//! Who may make requests.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use rekindle::api::{ApiError, ApiServices, MetricsCache, NoHistory, Routes};
use rekindle::audit::AuditMemory;
use rekindle::backtests::Backtests;
use rekindle_settings::{HttpSettings, Secret};

use super::{TOKEN, open, with_token};
use crate::api_server::Api;

#[test]
fn a_token_guards_all_but_metrics_and_health() {
    let api = with_token();
    for path in ["/metrics", "/healthz", "/readyz"] {
        assert_eq!(api.get(path).status, 200, "{path}");
    }
    let wrong = [
        "",
        "Authorization: Bearer s3cre\r\n",
        "Authorization: Bearer s3cret-s3cret-s3cret2\r\n",
        "Authorization: Basic s3cret-s3cret-s3cret\r\n",
        "Authorization: \r\n",
    ];
    for path in ["/v1/stats", "/v1/users/u/segments", "/v1/openapi.json", "/nothing", "/metrics/", "//metrics"] {
        for head in wrong {
            let refused = api.request("GET", path, head);
            refused.problem(401);
            assert!(refused.head.contains("\r\nwww-authenticate: bearer"), "{refused:?}");
        }
    }
    api.request("POST", "/v1/rules/reload", "").problem(401);
    for scheme in ["Bearer", "bearer"] {
        assert_eq!(
            api.request("GET", "/v1/stats", &format!("Authorization: {scheme} s3cret-s3cret-s3cret\r\n")).status,
            200
        );
    }
    // With the token, any host name is accepted.
    let named = "GET /v1/stats HTTP/1.1\r\nHost: rekindle.example\r\nAuthorization: Bearer s3cret-s3cret-s3cret\r\nConnection: close\r\n\r\n";
    assert_eq!(api.raw(named).status, 200);
}

#[test]
fn without_a_token_web_pages_are_refused() {
    let api = open();
    let from = |host: &str| api.raw(&format!("GET /v1/stats HTTP/1.1\r\nConnection: close\r\n{host}\r\n"));
    for host in ["127.0.0.1", "localhost:1", "LocalHost", "[::1]:9464", "127.8.8.8", "[::ffff:127.0.0.1]"] {
        assert_eq!(from(&format!("Host: {host}\r\n")).status, 200, "{host}");
    }
    for host in [
        "evil.example",
        "localhost.evil.example",
        "10.0.0.1:9464",
        "",
        "a b",
        "127.0.0.1\r\nHost: evil.example",
        "user@evil.example",
    ] {
        from(&format!("Host: {host}\r\n")).problem(403);
    }
    from("").problem(403);
    api.raw("GET http://evil.example/v1/stats HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").problem(403);

    for head in [
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\n",
        "Origin: https://evil.example\r\n",
        "Origin: null\r\n",
    ] {
        api.request("POST", "/v1/rules/reload", head).problem(403);
        api.request("DELETE", "/v1/users/u", head).problem(403);
    }
    let own = format!("Origin: http://{}\r\nSec-Fetch-Site: same-origin\r\n", api.address);
    assert_eq!(api.request("POST", "/v1/rules/reload", &own).status, 200);
}

/// Of two headers, a proxy may have checked the one and this server the other.
#[test]
fn repeated_headers_that_decide_about_access_are_refused() {
    let open = open();
    let origin = format!("Origin: http://{}\r\n", open.address);
    for twice in [
        format!("{origin}Origin: https://evil.example\r\n"),
        format!("Origin: https://evil.example\r\n{origin}"),
        format!("{origin}{origin}"),
        "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Site: cross-site\r\n".to_owned(),
    ] {
        for (method, path) in
            [("POST", "/v1/rules/reload"), ("DELETE", "/v1/users/u"), ("GET", "/v1/stats"), ("GET", "/metrics")]
        {
            let refused = open.request(method, path, &twice);
            assert!(refused.problem(403).contains("at most"), "{method} {path} {twice}");
            assert!(refused.head.contains("\r\nx-content-type-options: nosniff"), "{refused:?}");
        }
        assert_eq!(open.request("GET", "/healthz", &twice).status, 200);
    }
    let guarded = with_token();
    let (right, wrong) = (format!("Authorization: Bearer {TOKEN}\r\n"), "Authorization: Bearer x\r\n");
    for twice in [format!("{right}{wrong}"), format!("{wrong}{right}"), format!("{right}{origin}{origin}")] {
        guarded.request("GET", "/v1/stats", &twice).problem(403);
    }
    assert_eq!(guarded.request("GET", "/v1/stats", &format!("{right}{origin}")).status, 200);
}

/// They contain business figures.
#[test]
fn metrics_are_not_for_web_pages_and_may_need_the_token() {
    let settings = || HttpSettings { token: Some(Secret::Environment(TOKEN.to_owned())), ..HttpSettings::default() };
    let right = format!("Authorization: Bearer {TOKEN}\r\n");
    let ask = |api: &Api, host: &str, head: &str| {
        api.raw(&format!("GET /metrics HTTP/1.1\r\nConnection: close\r\nHost: {host}\r\n{head}\r\n"))
    };
    // A host name that a hostile name server resolves to this machine.
    for api in [open(), Api::start(&settings())] {
        ask(&api, "evil.example", "").problem(403);
        assert_eq!(ask(&api, "localhost", "").status, 200);
    }
    let api = Api::start(&settings());
    assert_eq!(ask(&api, "metrics.example", &right).status, 200, "with the token, any host name is accepted");
    let everywhere = Api::start(&HttpSettings { listen: SocketAddr::from(([0, 0, 0, 0], 0)), ..settings() });
    assert_eq!(ask(&everywhere, "metrics.example", "").status, 200, "every client that can reach the address");
    let closed = Api::start(&HttpSettings { open_metrics: false, ..settings() });
    for (host, head) in [("localhost", ""), ("evil.example", ""), ("localhost", "Authorization: Bearer x\r\n")] {
        ask(&closed, host, head).problem(401);
    }
    assert_eq!(ask(&closed, "localhost", &right).status, 200);
    assert_eq!(closed.get("/healthz").status, 200);
    assert_eq!(closed.get("/readyz").status, 200);
}

/// What routes of this API would serve.
fn services(api: &Api) -> ApiServices {
    ApiServices {
        live: api.live.clone(),
        health: api.health.clone(),
        rules: api.rules.clone(),
        requests: api.log.clone(),
        audit: Arc::new(AuditMemory::default()),
        history: Arc::new(NoHistory),
        backtests: Arc::new(Backtests::without_log(api.live.clone())),
        started: Instant::now(),
        clock: None,
    }
}

pub(super) fn refusal(settings: &HttpSettings) -> String {
    Routes::new(services(&open()), MetricsCache::new(|_| Vec::new()), settings)
        .expect_err("the settings are bad")
        .to_string()
}

#[test]
fn a_token_that_cannot_be_used_is_an_error_at_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    let settings = HttpSettings { token: Some(Secret::File(file.clone())), ..HttpSettings::default() };
    assert!(refusal(&settings).starts_with(&format!("could not read the API's token from {}", file.display())));
    for (text, why) in
        [(" \n", "is empty"), ("two words", "has blanks"), ("tökén", "has blanks"), ("fifteen-letters", "is shorter")]
    {
        fs::write(&file, text).expect("written");
        let said = refusal(&settings);
        assert!(said.contains(why) && !said.contains(text), "{said}");
    }
    fs::write(&file, "fine-fine-fine-f\n").expect("written");
    let api = Api::start(&settings);
    assert_eq!(api.request("GET", "/v1/stats", "Authorization: Bearer fine-fine-fine-f\r\n").status, 200);
}

#[test]
fn without_a_token_only_loopback_addresses_are_served() {
    let everywhere = SocketAddr::from(([0, 0, 0, 0], 0));
    assert!(refusal(&HttpSettings { listen: everywhere, ..HttpSettings::default() }).contains("http.token_file"));
    let api = open();
    let routes =
        Routes::new(services(&api), MetricsCache::new(|_| Vec::new()), &HttpSettings::default()).expect("loopback");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let served = runtime.block_on(async {
        routes
            .serve(rekindle_web::HttpServer::bind(everywhere).await.expect("a free port"), std::future::pending())
            .await
    });
    assert!(matches!(served, Err(ApiError::Exposed(_))), "{served:?}");
}
