//! The recipes of `config/deliver`: each builds, of a sample action, the request that its vendor documents.

use std::collections::BTreeSet;
use std::path::Path;

use base64::Engine as _;
use rekindle_deliver::answer::{AnswerRules, AnswerVerdict, ReceiverAnswer};
use rekindle_deliver::mail::OutboundMail;
use rekindle_settings::{DestinationSettings, Settings};
use rstest::rstest;
use serde_json::{Value, json};

use crate::requests::{NOW, build, header};

const ID: &str = "394a4f40-f35c-82dd-8098-38945e816c83";

fn recipe(name: &str) -> DestinationSettings {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/deliver").join(format!("{name}.toml"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    let settings = Settings::load(&text, "".as_ref(), []).unwrap_or_else(|mistakes| panic!("{name}: {mistakes:#?}"));
    let [destination] = settings.deliver.as_slice() else { panic!("{name} has one destination") };
    destination.clone()
}

fn payload() -> Value {
    json!({
        "email": "Ann@shop.example", "first_name": "Ann", "phone": "+4915112345678", "title": "Your cart", "text": "Still yours",
        "total": 19.9, "template": "cart-reminder"
    })
}

fn sample() -> Value {
    let mut event = crate::requests::sample();
    event["data"]["payload"] = payload();
    event
}

fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}")))
}

#[rstest]
#[case::braze("braze", "https://rest.iad-01.braze.com/users/track", Some("Bearer braze-key".to_owned()), json!({
    "events": [{
        "external_id": "u 42", "name": "cart_reminder", "time": "2026-03-09T07:59:58.000Z", "properties": payload(),
    }]
}))]
#[case::klaviyo("klaviyo", "https://a.klaviyo.com/api/events", Some("Klaviyo-API-Key klaviyo-key".to_owned()), json!({
    "data": { "type": "event", "attributes": {
        "unique_id": ID, "time": "2026-03-09T07:59:58.000Z", "properties": payload(),
        "metric": { "data": { "type": "metric", "attributes": { "name": "cart_reminder" } } },
        "profile": { "data": { "type": "profile", "attributes": { "email": "Ann@shop.example", "external_id": "u 42" } } },
    } }
}))]
#[case::customer_io("customer-io", "https://track.customer.io/api/v1/customers/u%2042/events",
    Some(basic("customer-io-site", "customer-io-key")), json!({
    "id": "1S997M1WTWGBER161RJHF82V43", "name": "cart_reminder", "timestamp": 1_773_043_198, "data": payload()
}))]
#[case::iterable("iterable", "https://api.iterable.com/api/events/track", None, json!({
    "id": ID, "userId": "u 42", "eventName": "cart_reminder", "createdAt": 1_773_043_198, "dataFields": payload()
}))]
#[case::mailchimp("mailchimp", "https://us1.api.mailchimp.com/3.0/lists/0a1b2c3d4e/members/ann%40shop.example/events",
    Some(basic("rekindle", "mailchimp-key")), json!({
    "name": "cart_reminder", "occurred_at": "2026-03-09T07:59:58.000Z",
    "properties": { "rekindle_id": ID, "text": "Still yours" }
}))]
#[case::onesignal("onesignal", "https://api.onesignal.com/notifications", Some("Key onesignal-key".to_owned()), json!({
    "name": "cart_reminder", "app_id": "5eb5a37e-b458-11e3-ac11-000c2940e62c", "target_channel": "push",
    "include_aliases": { "external_id": ["u 42"] }, "idempotency_key": ID,
    "headings": { "en": "Your cart" }, "contents": { "en": "Still yours" }, "data": { "campaign": "cart_reminder", "rekindle_id": ID }
}))]
#[case::sendgrid("sendgrid", "https://api.sendgrid.com/v3/mail/send", Some("Bearer sendgrid-key".to_owned()), json!({
    "personalizations": [{
        "to": [{ "email": "Ann@shop.example", "name": "Ann" }], "dynamic_template_data": payload(),
        "custom_args": { "rekindle_user": "u 42", "rekindle_id": ID, "campaign": "cart_reminder" }
    }],
    "from": { "email": "hello@shop.example", "name": "Shop" }, "template_id": "d-0123456789abcdef0123456789abcdef"
}))]
#[case::mandrill("mandrill", "https://mandrillapp.com/api/1.0/messages/send-template", None, json!({
    "key": "mandrill-key", "template_name": "cart-reminder", "template_content": [], "message": {
        "from_email": "hello@shop.example", "from_name": "Shop", "merge_language": "handlebars",
        "to": [{ "email": "Ann@shop.example", "name": "Ann", "type": "to" }],
        "global_merge_vars": [{ "name": "payload", "content": payload() }],
        "metadata": { "rekindle_user": "u 42", "rekindle_id": ID, "campaign": "cart_reminder" },
    }
}))]
#[case::slack("slack", "https://hooks.slack.com/services/slack-path", None, json!({
    "text": "cart_reminder: u 42 Still yours"
}))]
#[case::wecom("wecom", "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=wecom-key", None, json!({
    "msgtype": "text", "text": { "content": "cart_reminder: u 42 Still yours" }
}))]
#[case::feishu("feishu", "https://open.feishu.cn/open-apis/bot/v2/hook/feishu-hook", None, json!({
    "timestamp": "1773043200", "sign": rekindle_deliver::signing::feishu("feishu-secret", 1_773_043_200),
    "msg_type": "text", "content": { "text": "cart_reminder: u 42 Still yours" }
}))]
#[case::webhook("webhook", "https://shop.example/hooks/rekindle", None, sample())]
fn a_recipe_builds_the_request_that_its_vendor_documents(
    #[case] name: &str,
    #[case] url: &str,
    #[case] authorization: Option<String>,
    #[case] body: Value,
) {
    let request = build(&recipe(name), &[sample()]);
    assert_eq!(request.url, url);
    assert_eq!(header(&request, "authorization"), authorization.as_deref());
    assert_eq!(serde_json::from_slice::<Value>(&request.body).expect("JSON"), body);
}

#[test]
fn headers_beside_the_usual_ones_are_there() {
    assert_eq!(header(&build(&recipe("iterable"), &[sample()]), "api-key"), Some("iterable-key"));
    let klaviyo = build(&recipe("klaviyo"), &[sample()]);
    assert_eq!(header(&klaviyo, "revision"), Some("2026-07-15"));
    assert_eq!(header(&klaviyo, "content-type"), Some("application/vnd.api+json"));
    assert!(header(&build(&recipe("webhook"), &[sample()]), "webhook-signature").is_some());
}

#[test]
fn twilio_gets_a_form_and_dingtalk_its_signature_in_the_address() {
    let twilio = build(&recipe("twilio"), &[sample()]);
    let body = String::from_utf8(twilio.body.clone()).expect("text");
    let callback = "https%3A%2F%2Fcollect.shop.example%2Fv1%2Fcallbacks%2Ftwilio%3Fuser%3Du%252042%26message%3D";
    let callback = format!("&StatusCallback={callback}{ID}%26campaign%3Dcart_reminder");
    assert_eq!(body, format!("Body=Still%20yours&From=%2B15017122661{callback}&To=%2B4915112345678"));
    let expected = basic("AC0123456789abcdef0123456789abcdef", "twilio-token");
    assert_eq!(header(&twilio, "authorization"), Some(expected.as_str()));
    let dingtalk = build(&recipe("dingtalk"), &[sample()]);
    let sign = rekindle_deliver::signing::dingtalk("dingtalk-secret", NOW.0);
    let sign = rekindle_settings::templates::percent_encoded(&sign);
    let expected =
        format!("https://oapi.dingtalk.com/robot/send?access_token=dingtalk-token&timestamp={}&sign={sign}", NOW.0);
    assert_eq!(dingtalk.url, expected);
}

#[test]
fn what_vendors_limit_is_kept_within_their_limits() {
    let mut long = sample();
    long["data"]["campaign"] = json!("a_campaign_with_a_very_long_name_indeed");
    long["data"]["payload"]["text"] = json!("<!channel> & 世".to_owned() + &"世".repeat(1_000));
    let body =
        |name: &str| -> Value { serde_json::from_slice(&build(&recipe(name), &[long.clone()]).body).expect("JSON") };
    assert_eq!(body("mailchimp")["name"], "a_campaign_with_a_very_long_na");
    assert!(body("wecom")["text"]["content"].as_str().expect("text").len() <= 2_048);
    let slack = body("slack")["text"].as_str().expect("text").to_owned();
    assert!(slack.starts_with("a_campaign_with_a_very_long_name_indeed: u 42 &lt;!channel&gt; &amp; 世"), "{slack}");
    let dingtalk = build(&recipe("dingtalk"), &[sample()]);
    assert_eq!(header(&dingtalk, "content-type"), Some("application/json; charset=utf-8"));
}

#[test]
fn the_mail_of_the_recipe_has_its_headers_and_both_texts() {
    let mut event = sample();
    event["data"]["payload"]["text"] = json!("1 < 2");
    event["data"]["payload"]["first_name"] = json!("Ann\r\nBcc: evil@example.com");
    let mail = OutboundMail::of(&build(&recipe("smtp"), &[event])).expect("a mail").text();
    let (head, body) = mail.split_once("\r\n\r\n").expect("a head");
    for line in [
        "From: Shop <hello@shop.example>",
        &format!("Message-ID: <{ID}@shop.example>"),
        "Subject: Your cart",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        "X-Campaign: cart_reminder",
        "MIME-Version: 1.0",
    ] {
        assert!(head.lines().any(|found| found == line), "{line} in {head}");
    }
    assert!(head.contains("<https://shop.example/unsubscribe?user=u%2042&message="), "{head}");
    assert!(head.contains("<Ann@shop.example>") && !head.lines().any(|line| line.starts_with("Bcc")), "{head}");
    assert!(body.contains("1 < 2") && body.contains("1 &lt; 2"), "{body}");
}

#[rstest]
#[case("wecom", 200, json!({ "errcode": 0, "errmsg": "ok" }), AnswerVerdict::Delivered { failed: Vec::new() })]
#[case("wecom", 200, json!({ "errcode": 45009 }), AnswerVerdict::Retry)]
#[case("wecom", 200, json!({ "errcode": 93000 }), AnswerVerdict::Failed)]
#[case("feishu", 200, json!({ "code": 0, "msg": "success" }), AnswerVerdict::Delivered { failed: Vec::new() })]
#[case("feishu", 200, json!({ "code": 9499, "msg": "Bad Request" }), AnswerVerdict::Failed)]
#[case("feishu", 200, json!({ "code": 11232 }), AnswerVerdict::Retry)]
#[case("dingtalk", 200, json!({ "errcode": 310000 }), AnswerVerdict::Failed)]
#[case("dingtalk", 200, json!({ "errcode": 130101 }), AnswerVerdict::Retry)]
#[case("onesignal", 200, json!({ "id": "" , "errors": ["All included players are not subscribed"] }), AnswerVerdict::Failed)]
#[case("onesignal", 200, json!({ "id": "b15ba6e5" }), AnswerVerdict::Delivered { failed: Vec::new() })]
#[case("iterable", 200, json!({ "code": "Success" }), AnswerVerdict::Delivered { failed: Vec::new() })]
#[case("braze", 201, json!({ "message": "success", "errors": [{ "type": "x", "input_array": "events", "index": 0 }] }),
    AnswerVerdict::Delivered { failed: vec![0] })]
#[case("mandrill", 200, json!([{ "email": "a@b.c", "status": "sent", "_id": "x" }]), AnswerVerdict::Delivered { failed: Vec::new() })]
#[case("mandrill", 200, json!([{ "email": "a@b.c", "status": "rejected", "reject_reason": "hard-bounce" }]), AnswerVerdict::Failed)]
#[case("smtp", 250, Value::Null, AnswerVerdict::Delivered { failed: Vec::new() })]
#[case("smtp", 451, Value::Null, AnswerVerdict::Retry)]
#[case("smtp", 550, Value::Null, AnswerVerdict::Failed)]
#[case("sendgrid", 202, Value::Null, AnswerVerdict::Delivered { failed: Vec::new() })]
#[case("sendgrid", 401, Value::Null, AnswerVerdict::Failed)]
fn a_recipe_understands_its_vendors_answers(
    #[case] name: &str,
    #[case] status: u16,
    #[case] body: Value,
    #[case] verdict: AnswerVerdict,
) {
    let rules = AnswerRules::new(&recipe(name)).expect("expressions");
    let answer = ReceiverAnswer { status, retry_after: None, body: body.to_string().into_bytes() };
    assert_eq!(rules.judge(&answer, 1), verdict);
}

#[test]
fn every_recipe_is_tried() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/deliver");
    let files = std::fs::read_dir(folder).expect("the recipes").flatten();
    let names: BTreeSet<String> = files.map(|file| file.file_name().to_string_lossy().into_owned()).collect();
    let tried = include_str!("recipes.rs");
    for name in &names {
        let name = name.strip_suffix(".toml").expect("a recipe");
        assert!(tried.contains(&format!("\"{name}\"")), "{name} is not tried");
    }
    assert_eq!(names.len(), 15);
}
