//! What a collector does with a request whose body has come in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rekindle_core::event::CallType;
use rekindle_mapping::{ItemOutcome, MappedItem, MappingTable};
use rekindle_nats::sink::RequestLetter;
use rekindle_runtime::health::Health;
use rekindle_runtime::output::batch::DeadLetterSummary;
use rekindle_runtime::output::dead_letter::MAX_DEAD_LETTERS_PER_LINE;
use rekindle_settings::{CollectSettings, Settings};
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::answer::{AcceptedRequest, RejectedIndex, RequestRefusal};
use crate::batch::{BatchError, CallTexts, MAX_CALLS};
use crate::call::{CallChecker, CheckedCall, RequestCalls};
use crate::callbacks::ProviderCallbacks;
use crate::json_object::JsonObject;
use crate::publisher::{CallPublisher, StreamMessage};
use crate::rejection::CallRejection;
use crate::stamp::RequestFacts;
use crate::status::{CallAnswer, CollectStatus};
use crate::webhooks::Webhooks;
use crate::write_keys::{KeyGrant, WriteKeys};
use rekindle_core::decode::RejectionReason;

/// What its headers take of a message, at most.
const HEADERS_BYTES_MAX: usize = 1_024;

/// The calls of a request may have, in all, this many times what a body may have: what they take from their envelope counts for
/// each of them.
const EXPANSION_MAX: usize = 4;

/// What a collector is made of.
#[derive(Debug)]
pub struct CollectInputs<'a> {
    /// The settings.
    pub settings: &'a Settings,
    /// Where calls go.
    pub publisher: Arc<CallPublisher>,
    /// The webhooks of the settings.
    pub webhooks: Webhooks,
    /// The callbacks of the settings.
    pub callbacks: ProviderCallbacks,
    /// What is counted.
    pub status: Arc<CollectStatus>,
    /// What does not work.
    pub health: Health,
}

/// Takes requests; shared by all connections.
#[derive(Debug)]
pub struct Collector {
    pub(crate) settings: CollectSettings,
    keys: WriteKeys,
    pub(crate) webhooks: Webhooks,
    pub(crate) callbacks: ProviderCallbacks,
    mappings: Vec<MappingTable>,
    checker: CallChecker,
    publisher: Arc<CallPublisher>,
    pub(crate) status: Arc<CollectStatus>,
    pub(crate) health: Health,
    /// One permit for each byte of bodies that may be in progress.
    pub(crate) body_bytes: Arc<Semaphore>,
}

/// The calls of a request, each checked.
#[derive(Debug, Default)]
struct CheckedRequest<'a> {
    accepted: Vec<CheckedCall>,
    rejected: Vec<(usize, CallRejection, &'a [u8])>,
}

impl Collector {
    /// By the settings.
    pub fn new(inputs: CollectInputs<'_>) -> Collector {
        let CollectInputs { settings, publisher, webhooks, callbacks, status, health } = inputs;
        let collect = settings.collect.clone();
        Collector {
            keys: WriteKeys::new(&collect),
            checker: CallChecker::new(&settings.engine, collect.max_call_bytes, &collect.row_events),
            body_bytes: Arc::new(Semaphore::new(collect.max_in_flight_bytes)),
            settings: collect,
            mappings: settings.mappings.clone(),
            webhooks,
            callbacks,
            publisher,
            status,
            health,
        }
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.settings.timeout.0).unwrap_or_default())
    }

    /// The own mapping of that name.
    pub(crate) fn mapping(&self, name: &str) -> Option<&MappingTable> {
        self.mappings.iter().find(|mapping| mapping.name == name)
    }

    pub(crate) fn may_come_from(&self, origin: &str) -> bool {
        self.keys.may_come_from(origin)
    }

    /// What a request with that key may do.
    pub(crate) fn grant(&self, key: Option<&str>, origin: Option<&str>) -> Result<&Arc<KeyGrant>, RequestRefusal> {
        let grant = key.and_then(|key| self.keys.grant(key)).ok_or(RequestRefusal::UnknownKey)?;
        match origin {
            Some(origin) if !grant.allows_origin(origin) => Err(RequestRefusal::OriginNotAllowed),
            _ => Ok(grant),
        }
    }

    /// Checks and publishes the calls of a body, which `grant` gives the right to send or the body's own key does.
    pub(crate) async fn take(
        &self,
        body: &Bytes,
        key: Result<&Arc<KeyGrant>, Option<&str>>,
        facts: &RequestFacts,
        call_type: Option<CallType>,
    ) -> Result<AcceptedRequest, RequestRefusal> {
        let texts = CallTexts::split(body)?;
        let grant = match key {
            Ok(grant) => grant,
            // Beacons have no headers: the key is in the envelope, or in the only call.
            Err(origin) => {
                let own = if texts.is_single { &String::from_utf8_lossy(body) } else { &*texts.envelope };
                let key = JsonObject::parse(own.trim()).ok().and_then(|body| body.text("writeKey"));
                self.grant(key.as_deref(), origin)?
            }
        };
        self.take_texts(&texts, grant, facts, call_type).await
    }

    /// Checks and publishes calls that were made of something else.
    pub(crate) async fn take_calls(
        &self,
        calls: &[Value],
        grant: &KeyGrant,
        facts: &RequestFacts,
    ) -> Result<AcceptedRequest, RequestRefusal> {
        if calls.len() > MAX_CALLS {
            return Err(BatchError::TooManyCalls { calls: calls.len() }.into());
        }
        let texts: Vec<String> = calls.iter().map(Value::to_string).collect();
        let calls = texts.iter().map(String::as_bytes).collect();
        let texts = CallTexts { calls, envelope: "{}".to_owned(), is_single: false, not_mapped: BTreeSet::new() };
        self.take_texts(&texts, grant, facts, None).await
    }

    /// Checks and publishes what a mapping made of a body; what it made nothing of is rejected.
    pub(crate) async fn take_mapped(
        &self,
        mapped: &[MappedItem<'_>],
        grant: &KeyGrant,
        facts: &RequestFacts,
    ) -> Result<AcceptedRequest, RequestRefusal> {
        if mapped.len() > MAX_CALLS {
            return Err(BatchError::TooManyCalls { calls: mapped.len() }.into());
        }
        let (mut texts, mut not_mapped) = (Vec::new(), BTreeSet::new());
        for MappedItem { item, outcome } in mapped {
            match outcome {
                ItemOutcome::Call(call, _) => texts.push(call.to_string()),
                ItemOutcome::Nothing => {}
                ItemOutcome::NotMapped => {
                    not_mapped.insert(texts.len());
                    texts.push(item.to_string());
                }
            }
        }
        let calls = texts.iter().map(String::as_bytes).collect();
        let texts = CallTexts { calls, envelope: "{}".to_owned(), is_single: false, not_mapped };
        self.take_texts(&texts, grant, facts, None).await
    }

    async fn take_texts(
        &self,
        texts: &CallTexts<'_>,
        grant: &KeyGrant,
        facts: &RequestFacts,
        call_type: Option<CallType>,
    ) -> Result<AcceptedRequest, RequestRefusal> {
        let limit = self.checker.max_call_bytes();
        if texts.envelope.len() > limit {
            return Err(RequestRefusal::EnvelopeTooLarge { bytes: texts.envelope.len(), limit });
        }
        let calls = texts.calls.len();
        if let Some(rate) = &grant.rate {
            rate.take(calls).map_err(|wait| {
                self.status.count_calls(&grant.source, CallAnswer::Throttled, calls);
                RequestRefusal::Throttled { wait }
            })?;
        }
        let checked = self.check(texts, grant, facts, call_type)?;
        self.publish(checked, grant, texts.is_single).await
    }

    fn check<'t>(
        &self,
        texts: &'t CallTexts<'_>,
        grant: &KeyGrant,
        facts: &RequestFacts,
        call_type: Option<CallType>,
    ) -> Result<CheckedRequest<'t>, RequestRefusal> {
        let mut envelope = JsonObject::parse(&texts.envelope).unwrap_or_default();
        envelope.remove("batch");
        let mut request = RequestCalls::new(grant, facts, envelope, call_type);
        let mut checked = CheckedRequest::default();
        let mut room = self.settings.max_body_bytes.saturating_mul(EXPANSION_MAX);
        let max_payload = self.publisher.max_payload().unwrap_or(usize::MAX).saturating_sub(HEADERS_BYTES_MAX);
        for (index, text) in texts.calls.iter().copied().enumerate() {
            if texts.not_mapped.contains(&index) {
                checked.rejected.push((index, RejectionReason::NotMapped.into(), text));
                continue;
            }
            let call = self.checker.check(text, &mut request).and_then(|call| match call.json.len() {
                bytes if bytes > max_payload => Err(CallRejection::TooLarge { bytes, limit: max_payload }),
                _ => Ok(call),
            });
            match call {
                Ok(call) => {
                    let limit = self.checker.max_call_bytes();
                    let bytes = texts.envelope.len();
                    room = room
                        .checked_sub(call.json.len())
                        .ok_or(RequestRefusal::EnvelopeTooLarge { bytes, limit: limit.min(bytes / 2) })?;
                    checked.accepted.push(call);
                }
                Err(rejection) => checked.rejected.push((index, rejection, text)),
            }
        }
        Ok(checked)
    }

    async fn publish(
        &self,
        checked: CheckedRequest<'_>,
        grant: &KeyGrant,
        is_single: bool,
    ) -> Result<AcceptedRequest, RequestRefusal> {
        let CheckedRequest { accepted, rejected } = checked;
        let count = accepted.len();
        let mut messages: Vec<StreamMessage> =
            accepted.into_iter().map(|call| self.publisher.event(&grant.subject, call)).collect();
        messages.extend(self.letters(&rejected, &grant.source));
        if let Err(failure) = self.publisher.publish(messages).await {
            self.status.count_calls(&grant.source, CallAnswer::Unavailable, count + rejected.len());
            return Err(failure.into());
        }
        self.status.count_calls(&grant.source, CallAnswer::Accepted, count);
        self.status.count_calls(&grant.source, CallAnswer::Rejected, rejected.len());
        rejected.iter().for_each(|(_, rejection, _)| self.status.count_rejection(rejection));
        let mut rejected = rejected.into_iter();
        if is_single && let Some((_, rejection, _)) = rejected.next() {
            return Err(RequestRefusal::Call(rejection));
        }
        let rejected = rejected.map(|(index, rejection, _)| RejectedIndex {
            index,
            reason: rejection.code(),
            detail: rejection.to_string(),
        });
        Ok(AcceptedRequest { success: true, rejected: rejected.collect() })
    }

    /// The dead letters of rejected calls: of a request's first ones each its own, and one for the rest.
    fn letters(&self, rejected: &[(usize, CallRejection, &[u8])], source: &str) -> Vec<StreamMessage> {
        let max_payload = self.publisher.max_payload().unwrap_or(1 << 20);
        let message = |(_, rejection, original): &(usize, CallRejection, &[u8]), rest: Option<&DeadLetterSummary>| {
            let detail = rejection.to_string();
            let letter = RequestLetter { source, reason: rejection.code(), detail: &detail, original, rest };
            self.publisher.letter(letter.message(self.publisher.output(), max_payload))
        };
        let each = usize::try_from(MAX_DEAD_LETTERS_PER_LINE).unwrap_or(usize::MAX).min(rejected.len());
        let (first, rest) = rejected.split_at(each);
        let mut letters: Vec<StreamMessage> = first.iter().map(|rejected| message(rejected, None)).collect();
        if let Some(first_of_rest) = rest.first() {
            let mut by_reason = BTreeMap::new();
            rest.iter().for_each(|(_, rejection, _)| *by_reason.entry(rejection.code()).or_default() += 1);
            letters.push(message(first_of_rest, Some(&DeadLetterSummary { by_reason })));
        }
        letters
    }

    /// Whether calls can be taken now.
    pub(crate) fn is_ready(&self) -> bool {
        self.publisher.is_connected() && self.health.failing().is_empty()
    }
}
