//! First-touch channels: `context.campaign.source`, else the referrer's host, else direct.
//!
//! A source or host belongs to the channel that has it among its sources, or a run of its whole parts between dots:
//! `www.google.com` is of `google`. Of several sources that fit, the longest decides: `mail.google.com` before `google`.

use hashbrown::HashMap;

use super::plan::Plan;
use crate::event::{Event, FieldId, Scalar};
use crate::rules::growth::Channel;

/// What stands for nobody who sent the user, in campaigns' tags and for referrers: Google Analytics' and Mixpanel's words
/// among them.
const DIRECT: [&str; 3] = ["(direct)", "direct", "$direct"];
/// What stands for a source or referrer that is not known, as trackers fill it in; then there is none.
const NOTHING: [&str; 8] = ["(none)", "none", "(not set)", "null", "undefined", "about:blank", "about:client", "-"];

/// The channel that an event came by.
pub(super) fn of(plan: &Plan, event: &Event<'_>) -> u8 {
    let source = text(event, plan.rules.campaign_source);
    match source.or_else(|| text(event, plan.rules.referrer).and_then(host_of)) {
        Some(word) if is_one_of(&DIRECT, word) => plan.direct(),
        Some(host) if source.is_none() && is_own(plan, host) => plan.direct(),
        Some(word) => named(plan, word),
        None => plan.direct(),
    }
}

fn is_one_of(words: &[&str], word: &str) -> bool {
    words.iter().any(|other| word.eq_ignore_ascii_case(other))
}

fn text<'e>(event: &'e Event<'_>, id: FieldId) -> Option<&'e str> {
    event.fields.iter().find(|(other, _)| *other == id).and_then(|(_, value)| match value {
        Scalar::Text(text) => Some(text.trim()).filter(|text| !text.is_empty() && !is_one_of(&NOTHING, text)),
        _ => None,
    })
}

/// The sources of all channels.
#[derive(Clone, Debug)]
pub(super) struct Sources {
    /// By source: the channel that has it.
    channels: HashMap<String, u8, foldhash::fast::FixedState>,
    /// The most parts between dots that one of them has.
    parts_max: usize,
}

impl Sources {
    /// Those of these channels.
    pub(super) fn new(channels: &[Channel]) -> Sources {
        let of = |(at, channel): (u8, &Channel)| {
            channel.sources.iter().map(move |word| (word.clone(), at)).collect::<Vec<_>>()
        };
        let channels: HashMap<_, _, _> = (0u8..).zip(channels).flat_map(of).collect();
        let parts_max = channels.keys().map(|source| source.split('.').count()).max().unwrap_or(0);
        Sources { channels, parts_max }
    }

    /// The channel that a source or a host belongs to: that of the longest of its runs of whole parts that one has; of
    /// several as long, the first in the rules.
    fn channel_of(&self, host: &str) -> Option<u8> {
        let host = host.to_ascii_lowercase();
        let starts = std::iter::once(0).chain(host.match_indices('.').map(|(dot, _)| dot + 1));
        let runs = starts.flat_map(|start| {
            let rest = &host[start..];
            let ends = rest.match_indices('.').map(|(dot, _)| dot).chain([rest.len()]);
            ends.take(self.parts_max).map(move |end| &rest[..end])
        });
        let found = runs.filter_map(|run| Some((run.len(), *self.channels.get(run)?)));
        found.max_by(|(a, first), (b, second)| a.cmp(b).then(second.cmp(first))).map(|(_, channel)| channel)
    }
}

fn named(plan: &Plan, source: &str) -> u8 {
    plan.sources.channel_of(source).unwrap_or(plan.other())
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

    #[test]
    fn the_longest_source_decides() {
        let channel = |name: &str, sources: &[&str]| Channel {
            name: name.to_owned(),
            sources: sources.iter().map(|source| (*source).to_owned()).collect(),
        };
        let sources = Sources::new(&[
            channel("search", &["google", "bing"]),
            channel("email", &["mail.google.com", "outlook.live.com", "mail"]),
            channel("uk", &["co.uk", "live"]),
        ]);
        for (host, channel) in [
            ("www.google.com", Some(0)),
            ("mail.google.com", Some(1)),
            ("MAIL.google.com", Some(1)),
            ("eu.mail.google.com", Some(1)),
            ("google", Some(0)),
            ("mail.yahoo.com", Some(1)),
            // Parts are whole, and a run of them is unbroken.
            ("gmail.com", None),
            ("mail.x.google.com", Some(0)),
            ("www.google.co.uk", Some(0)),
            ("www.bing.co.uk", Some(2)),
            // As long as another: the first in the rules.
            ("bing.live", Some(0)),
            ("outlook.live.com", Some(1)),
            ("..", None),
            ("", None),
        ] {
            assert_eq!(sources.channel_of(host), channel, "{host}");
        }
    }
}
