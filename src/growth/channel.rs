//! First-touch channels: `context.campaign.source`, else the referrer's host, else direct.

use super::plan::Plan;
use crate::event::{Event, FieldId, Scalar};

/// The channel that an event came by.
pub(super) fn of(plan: &Plan, event: &Event<'_>) -> u8 {
    if let Some(source) = text(event, plan.rules.campaign_source) {
        return named(plan, &|word| source.eq_ignore_ascii_case(word));
    }
    let host = text(event, plan.rules.referrer).and_then(host_of);
    match host {
        Some(host) if !is_own(plan, host) => named(plan, &|word| {
            host.eq_ignore_ascii_case(word) || host.split('.').any(|part| part.eq_ignore_ascii_case(word))
        }),
        _ => plan.direct(),
    }
}

fn text<'e>(event: &'e Event<'_>, id: FieldId) -> Option<&'e str> {
    event.fields.iter().find(|(other, _)| *other == id).and_then(|(_, value)| match value {
        Scalar::Text(text) if !text.is_empty() => Some(text.as_ref()),
        _ => None,
    })
}

/// The first channel one of whose words fits, or `other`.
fn named(plan: &Plan, fits: &dyn Fn(&str) -> bool) -> u8 {
    let found = plan.rules.channels.iter().position(|channel| channel.sources.iter().any(|source| fits(source)));
    found.map_or(plan.other(), |at| at as u8)
}

/// `https://www.google.com/search?q=x` is of `www.google.com`; what has no scheme is a host already.
fn host_of(referrer: &str) -> Option<&str> {
    let rest = referrer.split_once("://").map_or(referrer, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default();
    (!host.is_empty()).then_some(host)
}

fn is_own(plan: &Plan, host: &str) -> bool {
    plan.rules.own_hosts.iter().any(|own| {
        host.eq_ignore_ascii_case(own)
            || host.len() > own.len() + 1
                && host.is_char_boundary(host.len() - own.len())
                && host[host.len() - own.len()..].eq_ignore_ascii_case(own)
                && host.as_bytes()[host.len() - own.len() - 1] == b'.'
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_found_in_referrers() {
        for (referrer, host) in [
            ("https://www.google.com/search?q=x", Some("www.google.com")),
            ("android-app://com.google.android.gm", Some("com.google.android.gm")),
            ("http://user:pw@shop.example:8080?x", Some("shop.example")),
            ("t.co", Some("t.co")),
            ("https:///x", None),
            ("/local/path", None),
        ] {
            assert_eq!(host_of(referrer), host, "{referrer}");
        }
    }
}
