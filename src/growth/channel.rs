//! First-touch channels: `context.campaign.source`, else the referrer's host, else direct.
//!
//! A source or host belongs to the first channel that has it among its sources, or one of its parts between dots:
//! `www.google.com` is of `google`.

use hashbrown::HashMap;

use super::plan::Plan;
use crate::event::{Event, FieldId, Scalar};
use crate::rules::growth::Channel;

/// What stands for no source in campaigns' tags; the first is Google Analytics'.
const DIRECT: [&str; 2] = ["(direct)", "direct"];

/// The channel that an event came by.
pub(super) fn of(plan: &Plan, event: &Event<'_>) -> u8 {
    if let Some(source) = text(event, plan.rules.campaign_source) {
        let is_direct = DIRECT.iter().any(|word| source.eq_ignore_ascii_case(word));
        return if is_direct { plan.direct() } else { named(plan, source) };
    }
    let host = text(event, plan.rules.referrer).and_then(host_of);
    match host {
        Some(host) if !is_own(plan, host) => named(plan, host),
        _ => plan.direct(),
    }
}

fn text<'e>(event: &'e Event<'_>, id: FieldId) -> Option<&'e str> {
    event.fields.iter().find(|(other, _)| *other == id).and_then(|(_, value)| match value {
        Scalar::Text(text) if !text.is_empty() => Some(text.as_ref()),
        _ => None,
    })
}

/// By word: the channel whose source it is.
pub(super) type Words = HashMap<String, u8, foldhash::fast::FixedState>;

/// The words of all channels.
pub(super) fn words(channels: &[Channel]) -> Words {
    let of =
        |(at, channel): (u8, &Channel)| channel.sources.iter().map(move |word| (word.clone(), at)).collect::<Vec<_>>();
    (0u8..).zip(channels).flat_map(of).collect()
}

/// The channel that a source or a host belongs to, or `other`; of several, the first in the rules.
fn named(plan: &Plan, source: &str) -> u8 {
    let source = source.to_ascii_lowercase();
    let of = |word: &str| plan.words.get(word).copied();
    let parts = source.split('.').filter_map(of).chain(of(&source));
    parts.min().unwrap_or(plan.other())
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
