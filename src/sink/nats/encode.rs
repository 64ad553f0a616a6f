//! Emissions as messages: which subject, which headers, which bytes.
//!
//! | what | subject | payload |
//! |---|---|---|
//! | segment change | `<prefix>.segments.<segment>.<enter\|exit>` | its line of the journal |
//! | action | `<prefix>.actions.<channel>.<campaign>` | a CloudEvent |
//! | decision, if configured | `<prefix>.decisions.<campaign>.<outcome>` | its line of the journal |
//! | visitor merged into a user | `<prefix>.merged` | its line of the journal |
//! | other rules took effect | `<prefix>.rules` | `{"kind":"rules","at":…,"rules":…,"previous":…}` |
//! | rejected event | `<prefix>.dead` | a dead letter, with the event's bytes |
//!
//! Ids of segments, campaigns and channels are subject tokens because the rules allow nothing else in them; a user's id
//! is never part of a subject.

use std::sync::Arc;

use async_nats::{HeaderMap, Subject};
use bytes::Bytes;
use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_128;

use super::super::dead_letter;
use super::super::emission::{Emission, Emitted, Letter, Reloaded};
use crate::action::cloud_event;
use crate::campaigns::Outcome;
use crate::config::{ContentMode, Output as Settings};
use crate::journal;
use crate::partition::{Cause, Decided, Output, Plan};
use crate::rules::program::Change;
use crate::time::Timestamp;

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A segment change.
    Transition,
    /// An action.
    Action,
    /// A decision.
    Decision,
    /// A visitor merged into a user.
    Merged,
    /// Other rules.
    Rules,
    /// A dead letter.
    Dead,
}

impl Kind {
    /// All of them; a kind's place here is `kind as usize`.
    pub const ALL: [Kind; 6] = [Kind::Transition, Kind::Action, Kind::Decision, Kind::Merged, Kind::Rules, Kind::Dead];

    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Transition => "transition",
            Kind::Action => "action",
            Kind::Decision => "decision",
            Kind::Merged => "merged",
            Kind::Rules => "rules",
            Kind::Dead => "dead_letter",
        }
    }
}

/// A message to publish.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// What it is about.
    pub kind: Kind,
    /// Where it goes.
    pub subject: Subject,
    /// What goes with it.
    pub headers: HeaderMap,
    /// What it says.
    pub payload: Bytes,
    /// For an action that an event set off: when the broker received the event.
    pub received: Option<Timestamp>,
}

/// Turns emissions into messages.
#[derive(Debug)]
pub struct Encoder {
    prefix: String,
    content: ContentMode,
    decisions: bool,
    /// The largest message the server takes, in bytes, headers included.
    max_payload: usize,
    subjects: Option<Subjects>,
}

/// What an emission comes to.
#[derive(Debug, Default)]
pub struct Encoded {
    /// What goes to the output stream, in order.
    pub outputs: Vec<Outgoing>,
    /// Dead letters.
    pub letters: Vec<Outgoing>,
    /// How many outputs the server would never take; each became a dead letter.
    pub oversized: u64,
}

/// The subjects of some rules, made once.
#[derive(Debug)]
struct Subjects {
    plan: Arc<Plan>,
    /// By segment: enter, exit.
    segments: Vec<[Subject; 2]>,
    /// By campaign.
    actions: Vec<Subject>,
}

/// Room for headers and for what async-nats and the batch protocol add, in bytes.
const HEADROOM: usize = 4_096;

impl Encoder {
    /// An encoder for these settings and a server that takes messages of `max_payload` bytes.
    pub fn new(settings: &Settings, max_payload: usize) -> Encoder {
        Encoder {
            prefix: settings.prefix.clone(),
            content: settings.cloudevents,
            decisions: settings.decisions,
            max_payload,
            subjects: None,
        }
    }

    /// The messages of an emission.
    pub fn encode(&mut self, emission: &Emission) -> Encoded {
        let mut encoded = Encoded::default();
        match emission {
            Emission::Reloaded(reloaded) => encoded.outputs.push(self.rules(reloaded)),
            Emission::Batch(emitted) => {
                for output in &emitted.outputs {
                    if let Some(outgoing) = self.output(emitted, output) {
                        self.keep_if_it_fits(outgoing, &mut encoded);
                    }
                }
                for letter in &emitted.letters {
                    encoded.letters.push(self.letter(letter));
                }
            }
        }
        encoded
    }

    fn keep_if_it_fits(&self, outgoing: Outgoing, encoded: &mut Encoded) {
        let bytes = outgoing.payload.len();
        if bytes + HEADROOM <= self.max_payload {
            encoded.outputs.push(outgoing);
            return;
        }
        encoded.oversized += 1;
        let detail = format!("{bytes} bytes for {}; the server takes {}", outgoing.subject, self.max_payload);
        let body = json!({ "reason": "output_too_large", "detail": detail });
        encoded.letters.push(self.dead(body, &outgoing.payload));
    }

    fn output(&mut self, emitted: &Emitted, output: &Output) -> Option<Outgoing> {
        let plan = &emitted.plan;
        let rules = &plan.rules;
        match &output.decided {
            Decided::Transition { segment, change, .. } => {
                let subject = &self.subjects(plan).segments[usize::from(segment.0)];
                let subject = subject[usize::from(*change == Change::Exit)].clone();
                Some(journal_message(plan, Kind::Transition, subject, output))
            }
            Decided::Decision { campaign, outcome: Outcome::Sent { .. }, cause, .. } => {
                let subject = self.subjects(plan).actions[usize::from(campaign.0)].clone();
                let event = cloud_event(rules, output)?;
                let (headers, payload) = match self.content {
                    ContentMode::Structured => (content_type("application/cloudevents+json"), event),
                    ContentMode::Binary => binary(event),
                };
                let received = match cause {
                    Cause::Time => None,
                    Cause::Event(_) => received(emitted, output.position),
                };
                let payload = Bytes::from(payload.to_string());
                Some(Outgoing { kind: Kind::Action, subject, headers, payload, received })
            }
            Decided::Decision { campaign, outcome, .. } if self.decisions => {
                let campaign = &rules.campaigns[usize::from(campaign.0)].id;
                let subject = Subject::from(format!("{}.decisions.{campaign}.{}", self.prefix, outcome.name()));
                Some(journal_message(plan, Kind::Decision, subject, output))
            }
            Decided::Decision { .. } => None,
            Decided::Merged { .. } => {
                Some(journal_message(plan, Kind::Merged, Subject::from(format!("{}.merged", self.prefix)), output))
            }
        }
    }

    fn subjects(&mut self, plan: &Arc<Plan>) -> &Subjects {
        if self.subjects.as_ref().is_some_and(|subjects| !Arc::ptr_eq(&subjects.plan, plan)) {
            self.subjects = None;
        }
        self.subjects.get_or_insert_with(|| Subjects::new(plan, &self.prefix))
    }

    fn rules(&self, reloaded: &Reloaded) -> Outgoing {
        let Reloaded { at, rules, previous } = reloaded;
        let body = json!({ "kind": "rules", "at": at.to_string(), "rules": rules, "previous": previous });
        Outgoing {
            kind: Kind::Rules,
            subject: Subject::from(format!("{}.rules", self.prefix)),
            headers: content_type("application/json"),
            payload: Bytes::from(body.to_string()),
            received: None,
        }
    }

    fn letter(&self, letter: &Letter) -> Outgoing {
        let body = json!({
            "reason": letter.reason.code(),
            "detail": letter.reason.to_string(),
            "sequence": letter.sequence,
            "line": letter.line,
        });
        self.dead(body, &letter.original)
    }

    /// A dead letter; of an original that would make it too large, the beginning.
    fn dead(&self, mut body: Value, original: &[u8]) -> Outgoing {
        let room = self.max_payload.saturating_sub(HEADROOM);
        let whole = (original.len() <= room).then(|| {
            let mut body = body.clone();
            dead_letter::put_original(&mut body, original, false);
            body.to_string()
        });
        let payload = whole.filter(|payload| payload.len() <= room).unwrap_or_else(|| {
            // JSON writes a byte as up to 6.
            dead_letter::put_original(&mut body, &original[..original.len().min(room / 8)], true);
            body.to_string()
        });
        let mut headers = content_type("application/json");
        headers.insert(async_nats::header::NATS_MESSAGE_ID, format!("{:032x}", xxh3_128(payload.as_bytes())).as_str());
        Outgoing {
            kind: Kind::Dead,
            subject: Subject::from(format!("{}.dead", self.prefix)),
            headers,
            payload: Bytes::from(payload),
            received: None,
        }
    }
}

impl Subjects {
    fn new(plan: &Arc<Plan>, prefix: &str) -> Subjects {
        let rules = &plan.rules;
        let segment = |id: &str| {
            [Change::Enter, Change::Exit]
                .map(|change| Subject::from(format!("{prefix}.segments.{id}.{}", change.name())))
        };
        let action = |channel: &str, id: &str| Subject::from(format!("{prefix}.actions.{channel}.{id}"));
        Subjects {
            plan: Arc::clone(plan),
            segments: rules.segments.iter().map(|s| segment(&s.id)).collect(),
            actions: rules.campaigns.iter().map(|c| action(&c.channel, &c.id)).collect(),
        }
    }
}

/// When the broker received the event at a position, if it is of this batch.
fn received(emitted: &Emitted, position: u64) -> Option<Timestamp> {
    let at = position.checked_sub(emitted.first_position)?;
    emitted.received.get(usize::try_from(at).ok()?).copied()
}

fn journal_message(plan: &Plan, kind: Kind, subject: Subject, output: &Output) -> Outgoing {
    let mut line = Vec::with_capacity(192);
    journal::write_line(&plan.rules, output, &mut line).expect("writing to memory cannot fail");
    line.pop();
    Outgoing { kind, subject, headers: HeaderMap::new(), payload: Bytes::from(line), received: None }
}

fn content_type(of: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", of);
    headers
}

/// CloudEvents' binary mode: the data as body, every other attribute as a `ce-` header.
fn binary(mut event: Value) -> (HeaderMap, Value) {
    let mut headers = content_type("application/json");
    let Some(attributes) = event.as_object_mut() else { return (headers, event) };
    let data = attributes.remove("data").unwrap_or(Value::Null);
    for (name, value) in attributes {
        if let (Some(text), false) = (value.as_str(), name == "datacontenttype") {
            headers.insert(format!("ce-{name}").as_str(), percent_encoded(text).as_str());
        }
    }
    (headers, data)
}

/// As the CloudEvents bindings write header values: everything that is not printable ASCII, and space, `"` and `%`, as
/// its UTF-8 bytes in percent notation.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'"' | b'%' => encoded.push_str(&format!("%{byte:02X}")),
            b'!'..=b'~' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_values_are_percent_encoded() {
        assert_eq!(percent_encoded("/rekindle"), "/rekindle");
        assert_eq!(percent_encoded("a b\"c%d\r\né"), "a%20b%22c%25d%0D%0A%C3%A9");
    }
}
