//! Signatures of requests, as receivers define them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// The header `webhook-signature` of Standard Webhooks: one signature per secret, so that a receiver that knows one of them is
/// content. A secret is text, or base64 behind `whsec_`.
pub fn standard_webhooks(secrets: &[String], id: &str, timestamp_s: i64, body: &[u8]) -> String {
    let signatures = secrets.iter().map(|secret| {
        let key = match secret.strip_prefix("whsec_").map(|encoded| STANDARD.decode(encoded)) {
            Some(Ok(key)) => key,
            _ => secret.as_bytes().to_vec(),
        };
        let signed = [format!("{id}.{timestamp_s}.").as_bytes(), body].concat();
        format!("v1,{}", hmac_sha256(&key, &signed))
    });
    signatures.collect::<Vec<_>>().join(" ")
}

/// Feishu's `sign`: the key is the timestamp in seconds and the secret, and nothing is signed.
pub fn feishu(secret: &str, timestamp_s: i64) -> String {
    hmac_sha256(format!("{timestamp_s}\n{secret}").as_bytes(), b"")
}

/// DingTalk's `sign`: the timestamp in milliseconds and the secret, signed with the secret.
pub fn dingtalk(secret: &str, timestamp_ms: i64) -> String {
    hmac_sha256(secret.as_bytes(), format!("{timestamp_ms}\n{secret}").as_bytes())
}

/// In base64.
fn hmac_sha256(key: &[u8], message: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message);
    STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_webhooks_signs_as_its_own_example() {
        // The example of the specification's libraries.
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned();
        let body = br#"{"test": 2432232314}"#;
        let one = standard_webhooks(std::slice::from_ref(&secret), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(one, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let two = standard_webhooks(&[secret, "text".to_owned()], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert!(two.starts_with(&one) && two.split(' ').count() == 2, "{two}");
    }

    #[test]
    fn feishu_and_dingtalk_sign_with_time_and_secret() {
        // Computed with Python's hmac module by the vendors' samples.
        assert_eq!(feishu("demo", 1_599_360_473), "l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8=");
        assert_eq!(dingtalk("this is secret", 1_577_262_236_757), "hmPWwU+7lVdm3ZZz0r9tSfx0L4Q26jWOZr9+Gs6EZQM=");
    }
}
