//! Callbacks of tools that messages were delivered to, over HTTP.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rekindle_test_kit::nats_server::NatsServer;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

use crate::harness::{RawAnswer, TestCollector, messages, setup};

const CALLBACKS: &str = "
[collect.callbacks.sendgrid]
vendor = 'sendgrid'
secret_file = 'sendgrid-key'
[collect.callbacks.own]
vendor = 'standard-webhooks'
secret_file = 'own-secret'
";

/// The head of a public key of the curve P-256.
const KEY_HEAD: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE";

struct Signer {
    key: EcdsaKeyPair,
    random: SystemRandom,
}

impl Signer {
    fn new() -> Signer {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).expect("a key");
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, document.as_ref(), &random).expect("a key");
        Signer { key, random }
    }

    /// As SendGrid shows it.
    fn public_key(&self) -> String {
        let head = BASE64.decode(KEY_HEAD).expect("base64");
        BASE64.encode([&head[..head.len() - 1], self.key.public_key().as_ref()].concat())
    }

    fn headers(&self, seconds: u64, body: &[u8]) -> String {
        let message = [seconds.to_string().as_bytes(), body].concat();
        let signature = BASE64.encode(self.key.sign(&self.random, &message).expect("signed"));
        format!(
            "X-Twilio-Email-Event-Webhook-Signature: {signature}\r\nX-Twilio-Email-Event-Webhook-Timestamp: {seconds}\r\n"
        )
    }
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

fn event(id: &str, event: &str) -> Value {
    json!({ "event": event, "sg_event_id": id, "timestamp": now_s(), "type": "bounce", "rekindle_user": "ana",
        "rekindle_id": "a1", "campaign": "cart_reminder", "email": "ana@shop.example" })
}

fn started(server: &NatsServer, signer: &Signer) -> TestCollector {
    let setup = setup(&server.url(), CALLBACKS);
    fs::write(setup.file("sendgrid-key"), signer.public_key()).expect("a key");
    fs::write(setup.file("own-secret"), "secret\n").expect("a secret");
    TestCollector::ready(setup)
}

fn said(answer: &RawAnswer) -> (u16, Value) {
    (answer.status, answer.json()["code"].clone())
}

#[test]
fn what_a_mail_tool_calls_back_is_in_the_log_once() {
    let (server, signer) = (NatsServer::start(), Signer::new());
    let collector = started(&server, &signer);
    let body =
        json!([event("1", "bounce"), event("2", "unsubscribe"), { "event": "open", "sg_event_id": "3" }]).to_string();
    for _ in 0..2 {
        let headers = signer.headers(now_s(), body.as_bytes());
        let answer = collector.request("POST", "/v1/callbacks/sendgrid", &headers, body.as_bytes());
        assert_eq!((answer.status, answer.json()), (200, json!({"success": true})), "{answer:?}");
    }
    let found = messages(&server.url(), "EVENTS", "events.collect.sendgrid");
    let [(_, bounced), (_, unsubscribed)] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((&bounced["event"], &bounced["properties"]["kind"]), (&json!("Message Bounced"), &json!("hard")));
    assert_eq!((&unsubscribed["event"], &unsubscribed["userId"]), (&json!("Unsubscribed"), &json!("ana")));
    let properties =
        json!({ "destination": "sendgrid", "channel": "email", "message": "a1", "campaign": "cart_reminder" });
    assert_eq!(unsubscribed["properties"], properties);
}

#[test]
fn what_is_forged_stale_or_for_nobody_is_refused() {
    let (server, signer) = (NatsServer::start(), Signer::new());
    let collector = started(&server, &signer);
    let body = json!([event("1", "unsubscribe")]).to_string();
    let post = |path: &str, headers: &str, body: &str| said(&collector.request("POST", path, headers, body.as_bytes()));
    let good = signer.headers(now_s(), body.as_bytes());
    let path = "/v1/callbacks/sendgrid";
    assert_eq!(post(path, "", &body), (401, json!("wrong_signature")));
    assert_eq!(post(path, &Signer::new().headers(now_s(), body.as_bytes()), &body), (401, json!("wrong_signature")));
    assert_eq!(post(path, &good, &body.replace("ana", "bob")), (401, json!("wrong_signature")));
    let old = signer.headers(now_s() - 3_600, body.as_bytes());
    assert_eq!(post(path, &old, &body), (401, json!("stale_signature")));
    assert_eq!(post("/v1/callbacks/nobody", &good, &body), (404, json!("unknown_path")));
    assert_eq!(post(path, &signer.headers(now_s(), b"<html>"), "<html>"), (400, json!("not_json")));
    assert_eq!(collector.request("HEAD", path, "", b"").status, 200);
    assert_eq!(collector.request("HEAD", "/v1/callbacks/nobody", "", b"").status, 404);
    assert!(messages(&server.url(), "EVENTS", "events.collect.sendgrid").is_empty());
}

#[test]
fn a_callback_of_a_megabyte_is_taken_whole() {
    let (server, signer) = (NatsServer::start(), Signer::new());
    let collector = started(&server, &signer);
    let mut events: Vec<Value> = (0..4_000).map(|number| event(&number.to_string(), "open")).collect();
    events[0]["useragent"] = json!("x".repeat(400_000));
    let body = json!(events).to_string();
    assert!(body.len() > 1 << 20, "{} bytes", body.len());
    let answer =
        collector.request("POST", "/v1/callbacks/sendgrid", &signer.headers(now_s(), body.as_bytes()), body.as_bytes());
    assert_eq!((answer.status, answer.json()), (200, json!({"success": true})));
    assert_eq!(messages(&server.url(), "EVENTS", "events.collect.sendgrid").len(), 4_000);
}

#[test]
fn a_callback_is_answered_with_200_only_once_it_is_in_the_log() {
    let (mut server, signer) = (NatsServer::start(), Signer::new());
    let collector = started(&server, &signer);
    server.kill();
    let send = || {
        let body = json!({ "type": "message.unsubscribed", "data": { "user": "ana", "channel": "push" } }).to_string();
        let seconds = now_s();
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"secret");
        let signature = BASE64.encode(hmac::sign(&key, format!("msg_1.{seconds}.{body}").as_bytes()));
        let headers =
            format!("webhook-id: msg_1\r\nwebhook-timestamp: {seconds}\r\nwebhook-signature: v1,{signature}\r\n");
        collector.request("POST", "/v1/callbacks/own", &headers, body.as_bytes())
    };
    let refused = send();
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(refused.header("retry-after").is_some());
    server.start_again();
    rekindle_test_kit::daemon::harness::wait_until("it is taken", || send().status == 200);
    let found = messages(&server.url(), "EVENTS", "events.collect.own");
    let [(_, gone)] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((&gone["messageId"], &gone["properties"]["channel"]), (&json!("webhook-msg_1"), &json!("push")));
}

#[test]
fn callbacks_whose_secret_is_none_are_refused_at_the_start() {
    let server = NatsServer::start();
    let setup = setup(&server.url(), CALLBACKS);
    fs::write(setup.file("sendgrid-key"), "SG.api-key").expect("a file");
    fs::write(setup.file("own-secret"), "secret").expect("a file");
    let ended = setup.refused();
    assert_eq!(ended.code, Some(1));
    assert!(ended.log.contains("could not use the secret of the callbacks sendgrid"), "{}", ended.log);
}
