//! First-touch channels: `context.campaign.source`, else the host of the referrer, else `direct`.
//!
//! A source or host belongs to the channel that lists it, or lists a run of its whole parts between dots: `www.google.com`
//! belongs to `google`. Of several matches the longest wins: `mail.google.com` before `google`.

use hashbrown::HashMap;

use crate::event::{Event, FieldId, Scalar};
use crate::growth::FixedHashBuilder;
use crate::rules::growth::{Channel, GrowthRules};

/// Sources and referrers that mean `direct`, as Google Analytics and Mixpanel write it among others.
const DIRECT: [&str; 3] = ["(direct)", "direct", "$direct"];
/// Sources and referrers that trackers send where there is none.
const NO_SOURCE: [&str; 8] = ["(none)", "none", "(not set)", "null", "undefined", "about:blank", "about:client", "-"];

/// Assigns events to channels.
#[derive(Clone, Debug)]
pub(crate) struct ChannelClassifier {
    sources: ChannelSources,
    /// Hosts of the business itself.
    own_hosts: Vec<String>,
    campaign_source: FieldId,
    referrer: FieldId,
    /// The number of `direct`; that of `other` follows.
    direct: u8,
}

impl ChannelClassifier {
    /// The classifier of these rules.
    pub(crate) fn new(rules: &GrowthRules) -> ChannelClassifier {
        ChannelClassifier {
            sources: ChannelSources::new(&rules.channels),
            own_hosts: rules.own_hosts.clone(),
            campaign_source: rules.campaign_source,
            referrer: rules.referrer,
            direct: rules.channels.len() as u8,
        }
    }

    pub(crate) fn direct(&self) -> u8 {
        self.direct
    }

    pub(crate) fn other(&self) -> u8 {
        self.direct + 1
    }

    /// The channel of an event.
    pub(crate) fn channel_of(&self, event: &Event<'_>) -> u8 {
        let source = text(event, self.campaign_source);
        match source.or_else(|| text(event, self.referrer).and_then(host_of)) {
            None => self.direct(),
            Some(word) if is_one_of(&DIRECT, word) => self.direct(),
            Some(host) if source.is_none() && self.is_own(host) => self.direct(),
            Some(word) => self.sources.channel_of(word).unwrap_or(self.other()),
        }
    }

    fn is_own(&self, host: &str) -> bool {
        self.own_hosts.iter().any(|own| {
            host.eq_ignore_ascii_case(own)
                || host.len() > own.len() + 1
                    && host.is_char_boundary(host.len() - own.len())
                    && host[host.len() - own.len()..].eq_ignore_ascii_case(own)
                    && host.as_bytes()[host.len() - own.len() - 1] == b'.'
        })
    }
}

fn is_one_of(words: &[&str], word: &str) -> bool {
    words.iter().any(|other| word.eq_ignore_ascii_case(other))
}

fn text<'e>(event: &'e Event<'_>, id: FieldId) -> Option<&'e str> {
    event.fields.iter().find(|(other, _)| *other == id).and_then(|(_, value)| match value {
        Scalar::Text(text) => Some(text.trim()).filter(|text| !text.is_empty() && !is_one_of(&NO_SOURCE, text)),
        _ => None,
    })
}

/// The sources of all channels.
#[derive(Clone, Debug)]
struct ChannelSources {
    /// By source: the channel that lists it.
    channels: HashMap<String, u8, FixedHashBuilder>,
    /// The most parts between dots that a source has.
    parts_max: usize,
}

impl ChannelSources {
    fn new(channels: &[Channel]) -> ChannelSources {
        let of = |(at, channel): (u8, &Channel)| {
            channel.sources.iter().map(move |word| (word.clone(), at)).collect::<Vec<_>>()
        };
        let channels: HashMap<_, _, _> = (0u8..).zip(channels).flat_map(of).collect();
        let parts_max = channels.keys().map(|source| source.split('.').count()).max().unwrap_or(0);
        ChannelSources { channels, parts_max }
    }

    /// The channel of a source or a host: that of the longest of its runs of whole parts that a channel lists; of several
    /// equally long ones, the first in the rules.
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

/// The host of a referrer: `www.google.com` of `https://www.google.com/search?q=x`. Without a scheme it is a host already.
fn host_of(referrer: &str) -> Option<&str> {
    let rest = referrer.split_once("://").map_or(referrer, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default();
    (!host.is_empty()).then_some(host)
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
    fn longest_source_wins() {
        let channel = |name: &str, sources: &[&str]| Channel {
            name: name.to_owned(),
            sources: sources.iter().map(|source| (*source).to_owned()).collect(),
        };
        let sources = ChannelSources::new(&[
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
            // Parts are whole, and a run has no gaps.
            ("gmail.com", None),
            ("mail.x.google.com", Some(0)),
            ("www.google.co.uk", Some(0)),
            ("www.bing.co.uk", Some(2)),
            // Equally long: the first in the rules.
            ("bing.live", Some(0)),
            ("outlook.live.com", Some(1)),
            ("..", None),
            ("", None),
        ] {
            assert_eq!(sources.channel_of(host), channel, "{host}");
        }
    }
}
