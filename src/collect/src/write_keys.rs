//! Write keys: whose a request is, and what it may do. Only hashes of keys are held.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use async_nats::Subject;
use data_encoding::{BASE64URL_NOPAD, HEXLOWER, HEXLOWER_PERMISSIVE};
use rekindle_core::event::CallType;
use rekindle_core::time::Span;
use rekindle_settings::{CollectSettings, KeyTrust, WriteKeySettings};
use sha2::{Digest, Sha256};

use crate::rate_limit::RateLimit;

/// What a request with one of a source's write keys may do.
#[derive(Debug)]
pub(crate) struct KeyGrant {
    /// The source's name.
    pub(crate) source: String,
    /// What its calls are published under.
    pub(crate) subject: Subject,
    pub(crate) trust: KeyTrust,
    /// Whether a call may say who the user is.
    pub(crate) may_identify: bool,
    /// How old a client's calls may be.
    pub(crate) history: Span,
    /// The origins of pages that may send; none: any.
    pub(crate) origins: Vec<String>,
    calls: [bool; CallType::ALL.len()],
    pub(crate) rate: Option<RateLimit>,
}

/// All of them, by the hash of the key.
#[derive(Debug, Default)]
pub(crate) struct WriteKeys {
    by_hash: HashMap<[u8; 32], Arc<KeyGrant>>,
    /// Whether a key allows any origin.
    any_origin: bool,
}

/// A write key that was just made, and its hash for the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewWriteKey {
    /// The key, for the SDK.
    pub key: String,
    /// Its SHA-256, for the settings.
    pub sha256: String,
}

impl KeyGrant {
    fn new(name: &str, key: &WriteKeySettings, subject: &str) -> KeyGrant {
        let source = key.source.clone().unwrap_or_else(|| name.to_owned());
        KeyGrant {
            subject: format!("{subject}.{source}").into(),
            source,
            trust: key.trust,
            may_identify: key.trust == KeyTrust::Server || key.identify,
            history: key.history,
            origins: key.origins.clone(),
            calls: CallType::ALL.map(|call| key.calls.iter().any(|name| name == call.name())),
            rate: (key.rate > 0).then(|| RateLimit::new(key.rate)),
        }
    }

    /// What a signed webhook of the shop's own may do: everything.
    pub(crate) fn of_webhook(name: &str, subject: &str) -> KeyGrant {
        let key = WriteKeySettings { trust: KeyTrust::Server, ..WriteKeySettings::default() };
        KeyGrant::new(name, &key, subject)
    }

    /// Whether calls of that type are taken.
    pub(crate) fn allows(&self, call: CallType) -> bool {
        self.calls[call as usize]
    }

    /// Whether a page of that origin may send.
    pub(crate) fn allows_origin(&self, origin: &str) -> bool {
        self.origins.is_empty() || self.origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
    }
}

impl WriteKeys {
    pub(crate) fn new(settings: &CollectSettings) -> WriteKeys {
        let mut keys = WriteKeys::default();
        for (name, key) in &settings.keys {
            let grant = Arc::new(KeyGrant::new(name, key, &settings.subject));
            keys.any_origin |= grant.origins.is_empty();
            for hash in &key.sha256 {
                let hash = HEXLOWER_PERMISSIVE.decode(hash.as_bytes()).ok().and_then(|hash| hash.try_into().ok());
                keys.by_hash.extend(hash.map(|hash| (hash, Arc::clone(&grant))));
            }
        }
        keys
    }

    /// What that key may do; `None`: it is nobody's. Jitsu's SDK takes none without a colon and a secret behind it: `KEY:x` is
    /// `KEY`.
    pub(crate) fn grant(&self, key: &str) -> Option<&Arc<KeyGrant>> {
        let grant = |key: &str| self.by_hash.get(&<[u8; 32]>::from(Sha256::digest(key.as_bytes())));
        grant(key).or_else(|| grant(key.split_once(':')?.0))
    }

    /// Whether some key could be used by a page of that origin: all that is known before a request.
    pub(crate) fn may_come_from(&self, origin: &str) -> bool {
        self.any_origin || self.by_hash.values().any(|grant| grant.allows_origin(origin))
    }
}

impl NewWriteKey {
    /// Makes one, of the system's random numbers.
    ///
    /// # Errors
    /// The system gives none.
    pub fn make() -> io::Result<NewWriteKey> {
        let mut random = [0; 24];
        File::open("/dev/urandom")?.read_exact(&mut random)?;
        let key = BASE64URL_NOPAD.encode(&random);
        let sha256 = HEXLOWER.encode(&Sha256::digest(key.as_bytes()));
        Ok(NewWriteKey { key, sha256 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(keys: &[(&str, &NewWriteKey, WriteKeySettings)]) -> CollectSettings {
        let keys = keys.iter().map(|(name, key, settings)| {
            ((*name).to_owned(), WriteKeySettings { sha256: vec![key.sha256.clone()], ..settings.clone() })
        });
        CollectSettings { keys: keys.collect(), ..CollectSettings::default() }
    }

    #[test]
    fn a_key_is_found_by_its_hash_and_grants_what_its_settings_say() {
        let (web, shop) = (NewWriteKey::make().expect("random"), NewWriteKey::make().expect("random"));
        assert_ne!(web.key, shop.key);
        let client = WriteKeySettings {
            calls: vec!["track".to_owned()],
            origins: vec!["https://shop.example".to_owned()],
            source: Some("page".to_owned()),
            ..WriteKeySettings::default()
        };
        let server = WriteKeySettings { trust: KeyTrust::Server, rate: 1, ..WriteKeySettings::default() };
        let keys = WriteKeys::new(&settings(&[("web", &web, client), ("shop", &shop, server)]));
        let grant = keys.grant(&web.key).expect("a key");
        assert_eq!(
            (grant.subject.as_str(), grant.may_identify, grant.rate.is_none()),
            ("events.collect.page", false, true)
        );
        assert!(grant.allows(CallType::Track) && !grant.allows(CallType::Identify));
        assert!(grant.allows_origin("https://shop.example") && !grant.allows_origin("https://evil.example"));
        let grant = keys.grant(&shop.key).expect("a key");
        assert!(grant.may_identify && grant.allows(CallType::Alias) && grant.rate.is_some());
        assert!(keys.grant(&format!("{}:x", shop.key)).is_some_and(|grant| grant.source == "shop"));
        for wrong in ["", "x", ":", "x:y", &web.sha256, &format!("x:{}", shop.key)] {
            assert!(keys.grant(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn an_origin_is_answered_if_some_key_allows_it() {
        let key = NewWriteKey::make().expect("random");
        let bound = WriteKeySettings { origins: vec!["https://a.example".to_owned()], ..WriteKeySettings::default() };
        let keys = WriteKeys::new(&settings(&[("a", &key, bound)]));
        assert!(keys.may_come_from("https://A.example") && !keys.may_come_from("https://b.example"));
        assert!(WriteKeys::new(&settings(&[("a", &key, WriteKeySettings::default())])).may_come_from("null"));
    }
}
