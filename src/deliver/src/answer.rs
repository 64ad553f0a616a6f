//! What a receiver's answer means.

use std::time::Duration;

use minijinja::{Value as TemplateValue, context};
use rekindle_core::time::Timestamp;
use rekindle_settings::DestinationSettings;
use serde_json::Value;

use crate::mail::is_mail;
use crate::template::{CompiledTemplate, TemplateError};

/// So much of an answer is kept as the reason of a failure.
const EXCERPT_CHARS_MAX: usize = 200;

/// An answer, as far as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReceiverAnswer {
    /// The status; of a mail server, its reply code.
    pub status: u16,
    /// How long the receiver wants to be left alone.
    pub retry_after: Option<Duration>,
    /// The beginning of the body.
    pub body: Vec<u8>,
}

/// What an answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerVerdict {
    /// Delivered, but for the outputs with these numbers.
    Delivered {
        /// Numbers in the request, from 0.
        failed: Vec<usize>,
    },
    /// Worth another attempt.
    Retry,
    /// Refused for good.
    Failed,
    /// The receiver wants nothing any more.
    SwitchOff,
}

/// How answers are judged.
pub struct AnswerRules {
    success: Option<CompiledTemplate>,
    retry: Option<CompiledTemplate>,
    failed: Option<CompiledTemplate>,
    /// Of a mail server: 2xx is success, 4xx worth another attempt, 5xx final (RFC 5321).
    is_mail: bool,
}

impl AnswerRules {
    /// Those of a destination.
    ///
    /// # Errors
    /// An expression is wrong; settings that were loaded have none.
    pub fn new(settings: &DestinationSettings) -> Result<AnswerRules, TemplateError> {
        let compile = |text: &Option<String>| text.as_deref().map(CompiledTemplate::expression).transpose();
        Ok(AnswerRules {
            success: compile(&settings.answer.success)?,
            retry: compile(&settings.answer.retry)?,
            failed: settings.batch.as_ref().map_or(Ok(None), |batch| compile(&batch.failed))?,
            is_mail: is_mail(&settings.url),
        })
    }

    /// What an answer to a request with this number of outputs means. An expression that cannot be evaluated over it is false.
    pub fn judge(&self, answer: &ReceiverAnswer, outputs: usize) -> AnswerVerdict {
        if self.is_mail {
            return match answer.status {
                200..=299 => AnswerVerdict::Delivered { failed: Vec::new() },
                400..=499 => AnswerVerdict::Retry,
                _ => AnswerVerdict::Failed,
            };
        }
        let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
        let body = body.unwrap_or_else(|| Value::from(String::from_utf8_lossy(&answer.body)));
        let context = context! { answer => TemplateValue::from_serialize(&body), status => answer.status };
        let holds = |rule: &Option<CompiledTemplate>| rule.as_ref().map(|rule| rule.is_true(&context).unwrap_or(false));
        let is_success = (200..300).contains(&answer.status) && holds(&self.success).unwrap_or(true);
        if is_success {
            return AnswerVerdict::Delivered { failed: self.failed(&context, outputs) };
        }
        match (holds(&self.retry), answer.status) {
            (Some(true), _) | (_, 408 | 425 | 429 | 500..=599) => AnswerVerdict::Retry,
            (_, 410) => AnswerVerdict::SwitchOff,
            _ => AnswerVerdict::Failed,
        }
    }

    /// Whether an answer says that the receiver does not work, rather than that it does not want this request.
    pub fn is_outage(&self, answer: &ReceiverAnswer) -> bool {
        // 421: the mail service is not available.
        if self.is_mail { answer.status == 421 } else { answer.status >= 500 }
    }

    fn failed(&self, context: &TemplateValue, outputs: usize) -> Vec<usize> {
        let listed = self.failed.as_ref().and_then(|rule| rule.value(context).ok().flatten());
        let numbers = listed.iter().filter_map(Value::as_array).flatten();
        let number = |item: &Value| item.as_u64().or_else(|| item["index"].as_u64());
        let mut failed: Vec<usize> = numbers.filter_map(number).filter_map(|n| usize::try_from(n).ok()).collect();
        failed.retain(|number| *number < outputs);
        failed.sort_unstable();
        failed.dedup();
        failed
    }
}

impl ReceiverAnswer {
    /// The status and the beginning of the body, for people.
    pub fn excerpt(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(EXCERPT_CHARS_MAX).collect();
        match text.trim() {
            "" => format!("status {}", self.status),
            text => format!("status {}: {text}", self.status),
        }
    }
}

/// How long to wait by `Retry-After` (seconds, or a date), else by `X-RateLimit-Reset` or `RateLimit-Reset` (seconds from now,
/// or since 1970).
pub fn retry_after(retry_after: Option<&str>, reset: Option<&str>, now: Timestamp) -> Option<Duration> {
    let until = |at_ms: i64| Duration::from_millis(u64::try_from(at_ms.saturating_sub(now.0)).unwrap_or(0));
    let seconds = |text: &str| text.trim().parse::<f64>().ok().filter(|seconds| seconds.is_finite() && *seconds >= 0.0);
    if let Some(text) = retry_after {
        let date = || jiff::fmt::rfc2822::parse(text.trim()).ok().map(|date| until(date.timestamp().as_millisecond()));
        return seconds(text).map(|seconds| Duration::from_secs_f64(seconds.min(1e9))).or_else(date);
    }
    let reset = seconds(reset?)?;
    // No limit is reset in thirty years.
    Some(if reset < 1e9 { Duration::from_secs_f64(reset) } else { until((reset.min(1e12) * 1_000.0) as i64) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(success: Option<&str>, retry: Option<&str>, failed: Option<&str>) -> AnswerRules {
        let compile = |text: Option<&str>| text.map(|text| CompiledTemplate::expression(text).unwrap());
        AnswerRules { success: compile(success), retry: compile(retry), failed: compile(failed), is_mail: false }
    }

    fn answer(status: u16, body: &str) -> ReceiverAnswer {
        ReceiverAnswer { status, retry_after: None, body: body.as_bytes().to_vec() }
    }

    fn delivered(failed: &[usize]) -> AnswerVerdict {
        AnswerVerdict::Delivered { failed: failed.to_vec() }
    }

    #[test]
    fn without_rules_the_status_decides() {
        let rules = rules(None, None, None);
        for (status, verdict) in [
            (200, delivered(&[])),
            (202, delivered(&[])),
            (204, delivered(&[])),
            (301, AnswerVerdict::Failed),
            (302, AnswerVerdict::Failed),
            (400, AnswerVerdict::Failed),
            (404, AnswerVerdict::Failed),
            (408, AnswerVerdict::Retry),
            (410, AnswerVerdict::SwitchOff),
            (425, AnswerVerdict::Retry),
            (429, AnswerVerdict::Retry),
            (500, AnswerVerdict::Retry),
            (599, AnswerVerdict::Retry),
        ] {
            assert_eq!(rules.judge(&answer(status, ""), 1), verdict, "{status}");
        }
    }

    #[test]
    fn a_field_of_the_answer_decides_where_the_status_is_always_good() {
        let wecom = rules(Some("answer.errcode == 0"), Some("answer.errcode in [-1, 45009]"), None);
        assert_eq!(wecom.judge(&answer(200, r#"{"errcode": 0}"#), 1), delivered(&[]));
        assert_eq!(wecom.judge(&answer(200, r#"{"errcode": 45009}"#), 1), AnswerVerdict::Retry);
        assert_eq!(wecom.judge(&answer(200, r#"{"errcode": 93000}"#), 1), AnswerVerdict::Failed);
        assert_eq!(wecom.judge(&answer(200, "<html>"), 1), AnswerVerdict::Failed);
        assert_eq!(wecom.judge(&answer(503, r#"{"errcode": 0}"#), 1), AnswerVerdict::Retry);
    }

    #[test]
    fn some_outputs_of_a_batch_can_fail() {
        let braze = rules(None, None, Some("answer.errors"));
        let text = r#"{"errors": [{"index": 3}, {"index": 1}, 1, {"index": 99}, "x"]}"#;
        assert_eq!(braze.judge(&answer(200, text), 5), delivered(&[1, 3]));
        assert_eq!(braze.judge(&answer(200, "{}"), 5), delivered(&[]));
    }

    #[test]
    fn waits_are_read_in_all_their_forms() {
        let now = Timestamp(1_700_000_000_000);
        let seconds = |after, reset| retry_after(after, reset, now).map(|wait| wait.as_secs());
        assert_eq!(seconds(Some("120"), Some("5")), Some(120));
        assert_eq!(seconds(Some("Tue, 14 Nov 2023 22:14:20 GMT"), None), Some(60));
        assert_eq!(seconds(Some("Tue, 14 Nov 2000 22:14:20 GMT"), None), Some(0));
        assert_eq!(seconds(None, Some("30")), Some(30));
        assert_eq!(seconds(None, Some("1700000090")), Some(90));
        for nonsense in ["", "soon", "-5", "nan", "inf"] {
            assert_eq!(seconds(Some(nonsense), None), None, "{nonsense}");
            assert_eq!(seconds(None, Some(nonsense)), None, "{nonsense}");
        }
    }

    #[test]
    fn an_excerpt_is_short_and_has_one_line() {
        let text = answer(500, &"a\nb".repeat(1_000)).excerpt();
        assert!(text.starts_with("status 500: a ba b") && text.len() < 230, "{text}");
    }
}
