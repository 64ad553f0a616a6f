//! The requests that outputs become.

use std::path::PathBuf;

use rekindle_core::time::Timestamp;
use rekindle_deliver::event::DeliverableEvent;
use rekindle_deliver::request::{OutboundRequest, RequestBuilder};
use rekindle_deliver::secrets::DestinationSecrets;
use rekindle_settings::DestinationSettings;
use serde_json::{Value, json};

use crate::harness::destination;

/// 2026-03-09T08:00:00Z
pub(crate) const NOW: Timestamp = Timestamp(1_773_043_200_000);

pub(crate) fn sample() -> Value {
    json!({
        "specversion": "1.0", "id": "394a4f40-f35c-82dd-8098-38945e816c83", "source": "/rekindle", "subject": "u 42",
        "type": "rekindle.action.v1", "time": "2026-03-09T07:59:58.000Z",
        "data": {
            "user": "u 42", "campaign": "cart_reminder", "channel": "email", "variant": null,
            "expires": "2026-03-10T07:59:58.000Z",
            "payload": { "email": "ann@shop.example", "name": "Ann", "total": 19.9, "items": ["shoe", "hat"] }
        }
    })
}

/// The request of these events; each named secret file holds its own name.
pub(crate) fn build(settings: &DestinationSettings, events: &[Value]) -> OutboundRequest {
    let folder = tempfile::tempdir().expect("a folder");
    let mut settings = settings.clone();
    let place = |path: &PathBuf| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let path = folder.path().join(&name);
        std::fs::write(&path, name).expect("a file");
        path
    };
    settings.secrets.values_mut().for_each(|path| *path = place(path));
    if let Some(signing) = &mut settings.signing {
        signing.secret_files.iter_mut().for_each(|path| *path = place(path));
    }
    let events: Vec<_> = events.iter().map(|event| DeliverableEvent::of(event.clone()).expect("an event")).collect();
    let (secrets, _) = DestinationSecrets::open(&settings).expect("secrets").now();
    let builder = RequestBuilder::new(&settings).expect("templates");
    builder.build(&events.iter().collect::<Vec<_>>(), &secrets, NOW).expect("a request")
}

pub(crate) fn header<'r>(request: &'r OutboundRequest, name: &str) -> Option<&'r str> {
    request.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

fn body(request: &OutboundRequest) -> Value {
    serde_json::from_slice(&request.body).expect("JSON")
}

#[test]
fn without_a_body_the_event_itself_is_sent() {
    let request = build(&destination("name = 'd'\nurl = 'https://h.example/in'"), &[sample()]);
    assert_eq!(body(&request), sample());
    assert_eq!(header(&request, "content-type"), Some("application/cloudevents+json"));
    assert_eq!(header(&request, "idempotency-key"), Some("394a4f40-f35c-82dd-8098-38945e816c83"));
}

#[test]
fn values_keep_their_types_and_what_is_missing_is_left_out() {
    let request = build(
        &destination(
            "name = 'd'
            url = 'https://h.example/u/{{ data.user }}?k={{ secret.key }}&x={{ data.payload.none }}'
            method = 'PUT'
            secrets = { key = 'k/1' }
            [deliver.headers]
            Authorization = '{{ \"me\" | basic(secret.key) }}'
            X-Variant = '{{ data.variant }}'
            [deliver.body]
            to = '{{ data.payload.email }}'
            total = '{{ data.payload.total }}'
            items = '{{ data.payload.items }}'
            first = '{{ data.payload.items[0] }}'
            variant = '{{ data.variant }}'
            nothing = '{{ data.payload.a.b.c }}'
            text = 'Hi {{ data.payload.name }}{{ data.payload.none }}!'
            list = [1, '{{ data.variant }}', '{{ data.user }}']
            nested = { until = '{{ data.expires | unix }}', fixed = true, ratio = 0.5 }",
        ),
        &[sample()],
    );
    assert_eq!(request.url, "https://h.example/u/u%2042?k=1&x=");
    assert_eq!(header(&request, "authorization"), Some("Basic bWU6MQ=="));
    assert_eq!(header(&request, "x-variant"), None);
    let expected = json!({
        "to": "ann@shop.example", "total": 19.9, "items": ["shoe", "hat"], "first": "shoe", "text": "Hi Ann!",
        "list": [1, "u 42"], "nested": { "until": 1_773_129_598, "fixed": true, "ratio": 0.5 }
    });
    assert_eq!(body(&request), expected);
}

#[test]
fn a_form_has_its_values_encoded_and_lists_repeated() {
    let settings = "name = 'd'\nurl = 'https://h.example/'\nformat = 'form'
        body = { To = '{{ data.payload.email }}', tag = '{{ data.payload.items }}', none = '{{ data.none }}' }";
    let request = build(&destination(settings), &[sample()]);
    assert_eq!(request.body, b"To=ann%40shop.example&tag=shoe&tag=hat");
    assert_eq!(header(&request, "content-type"), Some("application/x-www-form-urlencoded"));
}

#[test]
fn several_outputs_stand_in_an_envelope_or_in_a_list() {
    let mut second = sample();
    second["id"] = json!("b");
    let one = "name = 'd'\nurl = 'https://h.example/'\nbody = { id = '{{ id }}' }\nbatch = { size = 2, envelope = { events = '{{ items }}', dry = false } }";
    let request = build(&destination(one), &[sample(), second.clone()]);
    assert_eq!(body(&request), json!({ "events": [{ "id": sample()["id"] }, { "id": "b" }], "dry": false }));
    let list = build(
        &destination("name = 'd'\nurl = 'https://h.example/'\nbatch = { size = 2 }"),
        &[sample(), second.clone()],
    );
    assert_eq!(body(&list), json!([sample(), second]));
    let id = header(&list, "idempotency-key").expect("an id");
    assert!(id.len() == 36 && sample()["id"] != id, "{id}");
}

#[test]
fn each_secret_signs_so_that_they_can_be_rotated() {
    let settings = "name = 'd'\nurl = 'https://h.example/'\nsigning = { scheme = 'standard-webhooks', secret_files = ['new', 'old'] }";
    let request = build(&destination(settings), &[sample()]);
    let id = "394a4f40-f35c-82dd-8098-38945e816c83";
    let expected = rekindle_deliver::signing::standard_webhooks(
        &["new".to_owned(), "old".to_owned()],
        id,
        1_773_043_200,
        &request.body,
    );
    assert_eq!(header(&request, "webhook-signature"), Some(expected.as_str()));
    assert_eq!((header(&request, "webhook-id"), header(&request, "webhook-timestamp")), (Some(id), Some("1773043200")));
}

#[test]
fn an_output_without_what_is_required_is_not_sent() {
    let settings = destination(
        "name = 'd'\nurl = 'https://h.example/'\nrequire = ['data.payload.email', 'data.payload.push_consent']",
    );
    let builder = RequestBuilder::new(&settings).expect("templates");
    let missing = |event: Value| builder.missing(&DeliverableEvent::of(event).expect("an event")).expect("evaluated");
    let mut event = sample();
    assert_eq!(missing(event.clone()), Some("data.payload.push_consent"));
    event["data"]["payload"]["push_consent"] = json!(false);
    assert_eq!(missing(event.clone()), Some("data.payload.push_consent"));
    event["data"]["payload"]["push_consent"] = json!(true);
    assert_eq!(missing(event.clone()), None);
    event["data"]["payload"]["email"] = json!("");
    assert_eq!(missing(event), Some("data.payload.email"));
}
