//! Documented payloads, with the signatures that their vendors would make.

use std::path::PathBuf;

use axum::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use data_encoding::HEXLOWER;
use ring::hmac;
use serde_json::json;

use super::*;

const NOW: Timestamp = Timestamp(1_600_112_502_000);

fn callback(vendor: CallbackVendor, secret: &str) -> ProviderCallback {
    let settings = CallbackSettings {
        vendor,
        secret_file: PathBuf::new(),
        url: Some("https://mycompany.com/myapp.php".to_owned()),
        channel: None,
        tolerance: Span(300_000),
    };
    ProviderCallback {
        destination: "mail".to_owned(),
        vendor,
        channel: usual_channel(vendor).to_owned(),
        tolerance: settings.tolerance,
        scheme: CallbackScheme::new(&settings, secret).expect("a secret"),
        table: table(vendor),
        grant: Arc::new(KeyGrant::of_webhook("mail", "events.collect")),
    }
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| (name.parse().expect("a name"), HeaderValue::from_str(value).expect("text")))
        .collect()
}

/// The calls of a body without regard to its signature.
fn mapped(vendor: CallbackVendor, body: &Value, request: &Value) -> Vec<Value> {
    let mut all = json!({ "destination": "mail", "channel": usual_channel(vendor) });
    all.as_object_mut().expect("an object").extend(request.as_object().expect("an object").clone());
    table(vendor).calls(body, &all)
}

fn names(calls: &[Value]) -> Vec<&str> {
    calls.iter().filter_map(|call| call["event"].as_str()).collect()
}

fn sha256(secret: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref().to_vec()
}

/// The key, the signature and the body of the tests of SendGrid's own library.
const SENDGRID_KEY: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==";
const SENDGRID_SIGNATURE: &str =
    "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=";
const SENDGRID_BODY: &str = "[{\"email\":\"hello@world.com\",\"event\":\"dropped\",\"reason\":\"Bounced Address\",\"sg_event_id\":\"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA\",\"sg_message_id\":\"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0\",\"smtp-id\":\"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>\",\"timestamp\":1600112492}]\r\n";

#[test]
fn sendgrids_own_example_is_signed_by_sendgrid_and_a_changed_one_is_not() {
    let uri = Uri::from_static("/v1/callbacks/mail");
    let check = |key: &str, signature: &str, timestamp: &str, body: &str, now: Timestamp| {
        let headers = headers(&[
            ("x-twilio-email-event-webhook-signature", signature),
            ("x-twilio-email-event-webhook-timestamp", timestamp),
        ]);
        match callback(CallbackVendor::SendGrid, key).calls(&headers, &uri, body.as_bytes(), now) {
            Ok(calls) => Ok(calls.len()),
            Err(CallbackProblem::Forged(why)) => Err(why),
            Err(CallbackProblem::NotJson(error)) => panic!("{error}"),
        }
    };
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n{}\n-----END PUBLIC KEY-----",
        &SENDGRID_KEY[..64],
        &SENDGRID_KEY[64..]
    );
    for key in [SENDGRID_KEY, &pem] {
        assert_eq!(check(key, SENDGRID_SIGNATURE, "1600112502", SENDGRID_BODY, NOW), Ok(0), "it is nobody's of ours");
    }
    let wrong = Err(CallbackForgery::WrongSignature);
    assert_eq!(check(SENDGRID_KEY, SENDGRID_SIGNATURE, "1600112502", "[]", NOW), wrong);
    assert_eq!(check(SENDGRID_KEY, SENDGRID_SIGNATURE, "1600112503", SENDGRID_BODY, NOW), wrong);
    assert_eq!(check(SENDGRID_KEY, "", "1600112502", SENDGRID_BODY, NOW), wrong);
    let later = Timestamp(NOW.0 + 300_001);
    assert_eq!(
        check(SENDGRID_KEY, SENDGRID_SIGNATURE, "1600112502", SENDGRID_BODY, later),
        Err(CallbackForgery::Stale)
    );
}

#[test]
fn a_key_that_is_none_of_sendgrids_is_refused() {
    let settings = CallbackSettings {
        vendor: CallbackVendor::SendGrid,
        secret_file: PathBuf::new(),
        url: None,
        channel: None,
        tolerance: Span(1),
    };
    for secret in ["", "x", "SG.abc", &BASE64.encode([4; 91]), &SENDGRID_KEY[..80]] {
        assert!(CallbackScheme::new(&settings, secret).is_err(), "{secret}");
    }
}

#[test]
fn sendgrids_events_are_those_of_the_user_that_the_recipe_named() {
    let event = |event: &str, more: Value| {
        let mut all = json!({
            "email": "example@test.com", "timestamp": 1_513_299_569, "event": event, "sg_event_id": format!("id-{event}"),
            "sg_message_id": "m", "rekindle_user": "ana", "rekindle_id": "a1", "campaign": "cart_reminder",
        });
        all.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        all
    };
    let body = json!([
        event("processed", json!({})),
        event("delivered", json!({ "response": "250 OK" })),
        event("bounce", json!({ "type": "bounce", "reason": "500 unknown recipient", "status": "5.0.0" })),
        event("bounce", json!({ "type": "blocked", "reason": "greylisted" })),
        event("open", json!({})),
        event("click", json!({ "url": "http://www.sendgrid.com/" })),
        event("spamreport", json!({})),
        event("group_unsubscribe", json!({ "asm_group_id": 10 })),
        event("group_resubscribe", json!({ "asm_group_id": 10 })),
    ]);
    let calls = mapped(CallbackVendor::SendGrid, &body, &json!({}));
    let expected = [
        "Message Delivered",
        "Message Bounced",
        "Message Bounced",
        "Message Opened",
        "Message Clicked",
        "Message Complained",
        "Unsubscribed",
        "Subscribed",
    ];
    assert_eq!(names(&calls), expected);
    assert_eq!((&calls[1]["properties"]["kind"], &calls[2]["properties"]["kind"]), (&json!("hard"), &json!("soft")));
    let clicked = json!({
        "type": "track", "event": "Message Clicked", "userId": "ana", "messageId": "sendgrid-id-click",
        "timestamp": 1_513_299_569,
        "properties": {
            "destination": "mail", "channel": "email", "message": "a1", "campaign": "cart_reminder",
            "url": "http://www.sendgrid.com/",
        },
    });
    assert_eq!(calls[4], clicked);
}

#[test]
fn twilio_signs_the_address_with_its_query_and_the_sorted_form() {
    // The parameters, token and signatures of the tests of Twilio's own libraries.
    let uri = Uri::from_static("/v1/callbacks/sms?foo=1&bar=2");
    let callback = callback(CallbackVendor::Twilio, "12345");
    let form = "Digits=1234&CallSid=CA1234567890ABCDE&To=%2B18005551212&Caller=%2B14158675309&From=%2B14158675309";
    let signed = |signature: &str, body: &str| {
        callback.calls(&headers(&[("x-twilio-signature", signature)]), &uri, body.as_bytes(), NOW).is_ok()
    };
    assert!(signed("RSOYDt4T1cUTdK1PDd93/VVr8B8=", form));
    assert!(!signed("RSOYDt4T1cUTdK1PDd93/VVr8B8=", &form.replace("1234&", "1235&")));
    assert!(!signed("", form) && !signed("RSOYDt4T1cUTdK1PDd93/VVr8B9=", form));
    let elsewhere = Uri::from_static("/v1/callbacks/sms?foo=1&bar=3");
    let headers = headers(&[("x-twilio-signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8=")]);
    assert!(callback.calls(&headers, &elsewhere, form.as_bytes(), NOW).is_err());
}

#[test]
fn a_text_message_is_delivered_bounces_or_was_unsubscribed_from() {
    let status = |status: &str, error: Option<&str>| {
        let body = json!({ "MessageSid": "SM1", "MessageStatus": status, "To": "+15558675310", "ErrorCode": error });
        let calls =
            mapped(CallbackVendor::Twilio, &body, &json!({ "user": "ana", "message": "a1", "campaign": "sms" }));
        calls.first().map(|call| (call["event"].clone(), call["properties"]["kind"].clone(), call["messageId"].clone()))
    };
    let of = |event: &str, kind: Value, id: &str| Some((json!(event), kind, json!(id)));
    assert_eq!(status("sent", None), None);
    assert_eq!(status("delivered", None), of("Message Delivered", Value::Null, "twilio-SM1-delivered"));
    assert_eq!(status("undelivered", Some("30005")), of("Message Bounced", json!("hard"), "twilio-SM1-undelivered"));
    assert_eq!(status("undelivered", Some("30003")), of("Message Bounced", json!("soft"), "twilio-SM1-undelivered"));
    assert_eq!(status("failed", Some("21610")), of("Unsubscribed", Value::Null, "twilio-SM1-failed"));
}

#[test]
fn mandrill_signs_the_address_and_the_only_field() {
    let events = json!([
        { "event": "hard_bounce", "_id": "exampleaaaaaaaaaaaaaaaaaaaaaaaaa2", "ts": 1_384_954_004, "msg": {
            "ts": 1_365_109_999, "email": "example.webhook@mandrillapp.com", "state": "bounced",
            "metadata": { "rekindle_user": 111, "rekindle_id": "a1", "campaign": "c" }, "bounce_description": "bad_mailbox",
            "diag": "smtp;550 5.1.1 The email account that you tried to reach does not exist.",
        } },
        { "event": "unsub", "_id": "b", "ts": 1_384_954_005, "msg": { "metadata": { "rekindle_user": "ana" } } },
        { "event": "open", "_id": "c", "ts": 1_384_954_006, "msg": { "metadata": { "user_id": 111 } } },
    ]);
    let body = serde_urlencoded::to_string([("mandrill_events", events.to_string())]).expect("a form");
    let message = format!("https://mycompany.com/myapp.phpmandrill_events{events}");
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"key");
    let signature = BASE64.encode(hmac::sign(&key, message.as_bytes()));
    let callback = callback(CallbackVendor::Mandrill, "key");
    let uri = Uri::from_static("/v1/callbacks/mail");
    let calls = callback.calls(&headers(&[("x-mandrill-signature", &signature)]), &uri, body.as_bytes(), NOW);
    let calls = calls.expect("it is signed");
    assert_eq!(names(&calls), ["Message Bounced", "Unsubscribed"], "{calls:?}");
    assert_eq!((&calls[0]["userId"], &calls[0]["properties"]["kind"]), (&json!("111"), &json!("hard")));
    assert_eq!(calls[0]["messageId"], "mandrill-exampleaaaaaaaaaaaaaaaaaaaaaaaaa2-hard_bounce-1384954004");
    assert!(callback.calls(&HeaderMap::new(), &uri, body.as_bytes(), NOW).is_err());
}

#[test]
fn klaviyo_customer_io_and_standard_webhooks_sign_time_and_body() {
    let (uri, body) = (Uri::from_static("/v1/callbacks/mail"), b"{}".as_slice());
    let seconds = "1600112502";
    let klaviyo = HEXLOWER.encode(&sha256(b"secret", format!("{{}}{seconds}").as_bytes()));
    let customer_io = HEXLOWER.encode(&sha256(b"secret", format!("v0:{seconds}:{{}}").as_bytes()));
    let standard = BASE64.encode(sha256(b"secret", format!("msg_1.{seconds}.{{}}").as_bytes()));
    let standard = format!("v1a,x v1,AAAA v1,{standard}");
    for (vendor, signature, timestamp, value) in [
        (CallbackVendor::Klaviyo, "klaviyo-signature", "klaviyo-timestamp", klaviyo),
        (CallbackVendor::CustomerIo, "x-cio-signature", "x-cio-timestamp", customer_io),
        (CallbackVendor::StandardWebhooks, "webhook-signature", "webhook-timestamp", standard),
    ] {
        let check = |signed: &str, at: &str, body: &[u8], now: i64| {
            let headers = headers(&[(signature, signed), (timestamp, at), ("webhook-id", "msg_1")]);
            match callback(vendor, "secret").calls(&headers, &uri, body, Timestamp(now)) {
                Err(CallbackProblem::Forged(why)) => Some(why),
                _ => None,
            }
        };
        assert_eq!(check(&value, seconds, body, NOW.0), None, "{vendor:?}");
        assert_eq!(check(&value, seconds, body, NOW.0 - 299_000), None, "{vendor:?}");
        for (signed, at, body) in
            [("", seconds, body), (&value, "1600112503", body), (&value, "", body), (&value, seconds, b"{ }")]
        {
            assert_eq!(check(signed, at, body, NOW.0), Some(CallbackForgery::WrongSignature), "{vendor:?} {at}");
        }
        for now in [NOW.0 - 301_000, NOW.0 + 301_000] {
            assert_eq!(check(&value, seconds, body, now), Some(CallbackForgery::Stale), "{vendor:?}");
        }
    }
}

#[test]
fn a_token_is_compared_as_a_whole() {
    let callback = callback(CallbackVendor::Braze, "0p3n5354m3==");
    let check = |value: &str| {
        let headers = headers(&[("authorization", value)]);
        callback.calls(&headers, &Uri::from_static("/v1/callbacks/mail"), b"{}", NOW).is_ok()
    };
    assert!(check("Bearer 0p3n5354m3=="));
    for wrong in ["", "Bearer", "Bearer 0p3n5354m3", "Bearer 0p3n5354m3==x"] {
        assert!(!check(wrong), "{wrong}");
    }
}

#[test]
fn braze_customer_io_iterable_and_onesignal_say_whose_it_is() {
    let event = |kind: &str| {
        json!({ "event_type": kind, "id": "a1234567-89ab-cdef-0123-456789abcdef", "time": 1_477_502_783,
            "user": { "user_id": "0123456789abcdef01234567", "external_user_id": "ana" },
            "properties": { "campaign_name": "Test Campaign", "email_address": "test@test.com" } })
    };
    let kinds = [
        "users.messages.email.Open",
        "users.messages.email.SoftBounce",
        "users.messages.email.Bounce",
        "users.messages.email.Unsubscribe",
        "users.messages.sms.Delivery",
        "users.behaviors.CustomEvent",
    ];
    let braze = mapped(CallbackVendor::Braze, &json!({ "events": kinds.map(event) }), &json!({}));
    assert_eq!(
        names(&braze),
        ["Message Opened", "Message Bounced", "Message Bounced", "Unsubscribed", "Message Delivered"]
    );
    assert_eq!((&braze[1]["properties"]["kind"], &braze[4]["properties"]["channel"]), (&json!("soft"), &json!("sms")));

    let bounced = json!({
        "data": { "customer_id": "0200102", "identifiers": { "id": "0200102" }, "recipient": "test@example.com",
            "failure_message": "550 5.5.0 Requested action not taken: mailbox unavailable" },
        "event_id": "12ASDG7S9P6MAZPTJ78DAND9GDC", "object_type": "email", "metric": "bounced", "timestamp": 1_234_567_890,
    });
    let [call] = mapped(CallbackVendor::CustomerIo, &bounced, &json!({})).try_into().expect("one");
    let call: Value = call;
    assert_eq!((&call["userId"], &call["properties"]["kind"]), (&json!("0200102"), &json!("hard")));
    let unsubscribed = json!({ "data": { "customer_id": "0200102", "identifiers": { "id": "0200102" } },
        "event_id": "01E4C4C6P79C12J5A6KPE6XNFD", "object_type": "customer", "metric": "unsubscribed", "timestamp": 1_585_250_179 });
    let calls = mapped(CallbackVendor::CustomerIo, &unsubscribed, &json!({}));
    assert_eq!((names(&calls), &calls[0]["properties"]["channel"]), (vec!["Unsubscribed"], &json!("email")));

    let bounced = json!({ "email": "invalid_email@iterable.com", "userId": "ana", "eventName": "emailBounce", "dataFields": {
        "campaignName": "My campaign name", "recipientState": "HardBounce", "createdAt": "2017-05-15 23:59:47 +00:00",
        "messageId": "d0aa7801f91f4824997a631f3ed583c3" } });
    let calls = mapped(CallbackVendor::Iterable, &bounced, &json!({}));
    assert_eq!((names(&calls), &calls[0]["properties"]["kind"]), (vec!["Message Bounced"], &json!("hard")));
    let listed = json!({ "email": "a@b.c", "userId": "ana", "eventName": "emailSubscribe", "dataFields": {} });
    assert!(mapped(CallbackVendor::Iterable, &listed, &json!({})).is_empty());

    let gone = json!({ "kind": "message.push.unsubscribed", "id": "e", "timestamp": 1_585_250_179, "user": "ana" });
    let calls = mapped(CallbackVendor::OneSignal, &gone, &json!({}));
    assert_eq!((names(&calls), &calls[0]["properties"]["channel"]), (vec!["Unsubscribed"], &json!("push")));
}

#[test]
fn klaviyo_names_the_profile_and_standard_webhooks_the_id_of_the_header() {
    let event = |topic: &str, included: Value| {
        json!({ "external_id": "4vRpBT", "topic": topic, "payload": {
            "data": { "type": "event", "id": "4vRpBT", "attributes": { "timestamp": 1_585_250_179, "event_properties": {} },
                "relationships": { "profile": { "data": { "type": "profile", "id": "01GD" } } } },
            "included": included } })
    };
    let profile = json!([{ "type": "profile", "id": "01GD", "attributes": { "external_id": "ana" } }]);
    let body = json!({ "data": [event("event:klaviyo.opened_email", profile), event("event:klaviyo.bounced_email", json!([])),
        event("event:klaviyo.placed_order", json!([]))], "meta": {} });
    let calls = mapped(CallbackVendor::Klaviyo, &body, &json!({}));
    assert_eq!(names(&calls), ["Message Opened", "Message Bounced"]);
    assert_eq!((&calls[0]["userId"], &calls[1]["anonymousId"]), (&json!("ana"), &json!("klaviyo-01GD")));

    let body = json!({ "type": "message.bounced", "timestamp": "2026-03-05T10:00:00Z", "data": { "user": "ana", "kind": "hard" } });
    let calls = mapped(CallbackVendor::StandardWebhooks, &body, &json!({ "webhook_id": "msg_1" }));
    assert_eq!((&calls[0]["messageId"], &calls[0]["properties"]["kind"]), (&json!("webhook-msg_1"), &json!("hard")));
}
