//! By what a partner knows people: a code of a text that only who has the partner's key can make.

use std::fmt::{self, Write as _};

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::secret::DrawSecret;

/// The key of a partner's subjects. It may be given to that partner, who can then find its own customers among them, and
/// nobody else's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PartnerKey([u8; 32]);

/// Who is shared, as the partner is told: the first half of an HMAC-SHA256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PartnerSubject(pub [u8; 16]);

impl PartnerKey {
    /// The key of a partner: the HMAC-SHA256 of `partner:ID` under the secret.
    pub fn new(secret: &DrawSecret, partner: &str) -> PartnerKey {
        PartnerKey(secret.authentication_code(&format!("partner:{partner}")))
    }

    /// The subject of a text.
    pub fn subject(&self, text: &str) -> PartnerSubject {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("a key of HMAC has any length");
        mac.update(text.as_bytes());
        let code: [u8; 32] = mac.finalize().into_bytes().into();
        let mut half = [0; 16];
        half.copy_from_slice(&code[..16]);
        PartnerSubject(half)
    }

    /// Its 64 hex digits, for who may have it.
    pub fn to_hex(self) -> String {
        hex(&self.0)
    }
}

impl PartnerSubject {
    /// Reads 32 hex digits.
    pub fn parse(text: &str) -> Option<PartnerSubject> {
        let is_hex = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let code = u128::from_str_radix(text, 16).ok().filter(|_| is_hex)?;
        Some(PartnerSubject(code.to_be_bytes()))
    }
}

/// That there is one, and no more.
impl fmt::Debug for PartnerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a partner's key")
    }
}

/// 32 hex digits.
impl fmt::Display for PartnerSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with Python's `hmac`.
    #[test]
    fn a_subject_is_half_of_an_hmac_under_the_partners_key() {
        let key = PartnerKey::new(&DrawSecret::of_file(b"shh"), "acme");
        assert_eq!(key.to_hex(), "bdf7d8fd2b9eb8a993c7be186d6cedae82cb7b1a8ee5d026f21f221d844592b8");
        assert_eq!(key.subject("ana@shop.example").to_string(), "9cf925405206db9e3a4210eb265a01b9");
        assert_ne!(PartnerKey::new(&DrawSecret::of_file(b"shh"), "acm"), key);
        assert_eq!(format!("{key:?}"), "a partner's key");
    }
}
