//! `[collect]`, its write keys and webhooks.

use std::path::Path;

use rekindle_core::time::Span;

use super::{mistakes, only_mistake, read};
use crate::{KeyTrust, ShopKind, WebhookSettings, WriteKeySettings};

const HASH: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[test]
fn everything_about_collecting_is_read() {
    let config = read(&format!(
        "[collect]
        enabled = true
        listen = '0.0.0.0:80'
        subject = 'events.http'
        max_call_bytes = 1024
        max_body_bytes = 67_108_864
        max_in_flight_bytes = 1_048_576
        max_in_flight = 1
        timeout = '1m'
        max_connections = 1
        max_connections_per_address = 65_536
        keep_ip = true
        row_events = ['Product Updated']
        [collect.keys.web]
        sha256 = ['{upper}', '{HASH}']
        identify = true
        history = '7d'
        origins = ['https://shop.example', 'http://localhost:3000']
        calls = ['track', 'page']
        rate = 500
        [collect.keys.backend]
        sha256 = ['{HASH}']
        source = 'shop'
        trust = 'server'
        [collect.webhooks.orders]
        kind = 'woocommerce'
        secret_file = 'woo'",
        upper = HASH.to_uppercase(),
    ));
    let web = WriteKeySettings {
        sha256: vec![HASH.to_owned(), HASH.to_owned()],
        identify: true,
        history: Span(7 * 86_400_000),
        origins: vec!["https://shop.example".to_owned(), "http://localhost:3000".to_owned()],
        calls: vec!["track".to_owned(), "page".to_owned()],
        rate: 500,
        ..WriteKeySettings::default()
    };
    let backend = WriteKeySettings {
        sha256: vec![HASH.to_owned()],
        source: Some("shop".to_owned()),
        trust: KeyTrust::Server,
        ..WriteKeySettings::default()
    };
    let collect = &config.collect;
    assert_eq!((&collect.keys["web"], &collect.keys["backend"]), (&web, &backend));
    let secret_file = Path::new("/etc/rekindle/woo").to_owned();
    assert_eq!(collect.webhooks["orders"], WebhookSettings { kind: ShopKind::WooCommerce, secret_file });
    let subjects: Vec<String> = collect.subjects().collect();
    assert_eq!(subjects, ["events.http.orders", "events.http.shop", "events.http.web"]);
    assert_eq!((collect.timeout, collect.keep_ip, collect.max_in_flight), (Span(60_000), true, 1));
    assert_eq!(
        (collect.row_events.as_slice(), collect.public_source()),
        (["Product Updated".to_owned()].as_slice(), Some("web"))
    );
}

#[test]
fn a_mistake_in_a_key_is_reported_at_its_place() {
    let key = |lines: &str| {
        let text = format!("[collect.keys.web]\nsha256 = ['{HASH}']\n{lines}");
        let (message, place, help) = only_mistake(&text);
        (message, place.trim_matches('\'').to_owned(), help)
    };
    for (lines, place, message) in [
        ("origins = ['shop.example']", "shop.example", "does not begin with https://"),
        ("origins = ['https://shop.example/']", "https://shop.example/", "something else than a host"),
        ("origins = []", "[]", "at least one"),
        ("calls = ['buy']", "buy", "is not a type of calls"),
        ("trust = 'browser'", "browser", "must be one of"),
        ("source = 'My Shop'", "My Shop", "other characters"),
        ("rate = -1", "-1", "must be between"),
        ("history = '1s'", "1s", "must be between"),
        ("key = 'x'", "key", "unknown key"),
        ("trust = 'server'\nidentify = true", "true", "limits clients"),
    ] {
        let (said, found, _) = key(lines);
        assert!(found == place && said.contains(message), "{lines}: {said} at {found}");
    }
    let (said, _, help) = only_mistake("[collect.keys.web]\nsha256 = ['my-secret-key']");
    assert!(said.contains("64 hexadecimal") && !said.contains("my-secret-key"), "{said}");
    assert!(help.contains("new-key"), "{help}");
    assert!(only_mistake("[collect.keys.web]\nrate = 1").0.contains("there is no `sha256`"));
    assert!(only_mistake("[collect.keys]\nweb = 1").0.contains("must be a table"));
    let named = mistakes(&format!("[collect.keys.'a.b']\nsha256 = ['{HASH}']"));
    assert!(named[0].0.contains("other characters"), "{named:?}");
}

#[test]
fn a_webhook_needs_its_kind_and_its_secret() {
    let said: Vec<String> = mistakes("[collect.webhooks.orders]").into_iter().map(|(message, _)| message).collect();
    assert!(said.iter().any(|message| message.contains("`kind`")), "{said:?}");
    assert!(said.iter().any(|message| message.contains("`secret_file`")), "{said:?}");
    let (message, place, _) = only_mistake("[collect.webhooks.orders]\nkind = 'magento'\nsecret_file = 's'");
    assert!(message.contains("must be one of") && place.contains("magento"));
}

#[test]
fn collecting_needs_a_key_and_a_stream_that_takes_its_events_in() {
    assert!(only_mistake("[collect]\nenabled = true").0.contains("nobody could send anything"));
    let keyed = |lines: &str| format!("{lines}\n[collect.keys.web]\nsha256 = ['{HASH}']");
    let (message, place, _) = only_mistake(&keyed("[collect]\nsubject = 'http'"));
    assert!(message.contains("`http.web`") && message.contains("`events.>`") && place.contains("http"), "{message}");
    let message = only_mistake(&keyed("[source]\nkind = 'nats'")).0;
    assert!(message.contains("go into a stream"), "{message}");
    read(&keyed("[source]\nsubjects = ['http.*']\n[collect]\nsubject = 'http'"));
    read("[source]\nkind = 'nats'");
}
