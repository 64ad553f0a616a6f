//! The secret of draws: who does not know it cannot foresee them.
//!
//! It comes from a file that the operator keeps; the core gets its bytes. It appears in no output, log or checkpoint; these
//! have at most its [fingerprint](DrawSecret::fingerprint).

use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// What the fingerprint is the code of. Part of the format of checkpoints.
const FINGERPRINT_OF: &str = "rekindle: fingerprint of the secret";

/// The secret of draws; empty if there is none.
#[derive(Clone, Default)]
pub struct DrawSecret(Arc<[u8]>);

/// Tells two secrets apart, and does not reveal them: the first 8 bytes of the HMAC-SHA256 of a fixed text. 0: of the empty
/// secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SecretFingerprint(pub u64);

impl DrawSecret {
    /// The secret that a file with this content holds: all of it but a line end at its end.
    pub fn of_file(content: &[u8]) -> DrawSecret {
        let line = content.strip_suffix(b"\r\n").or_else(|| content.strip_suffix(b"\n"));
        DrawSecret(line.unwrap_or(content).into())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `hmac_share` of semantics §12: a number from 0 to 1 that is fixed for a text, and that nobody can foresee who does not
    /// know the secret.
    pub fn share(&self, text: &str) -> f64 {
        self.code(text) as f64 / 18_446_744_073_709_551_616.0
    }

    /// What tells it from other secrets.
    pub fn fingerprint(&self) -> SecretFingerprint {
        if self.is_empty() { SecretFingerprint::default() } else { SecretFingerprint(self.code(FINGERPRINT_OF)) }
    }

    /// The HMAC-SHA256 of a text.
    pub fn authentication_code(&self, text: &str) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("a key of HMAC has any length");
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// The first 8 bytes of it, as a number.
    fn code(&self, text: &str) -> u64 {
        self.authentication_code(text)[..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

/// Whether there is one, and no more.
impl fmt::Debug for DrawSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() { "no secret" } else { "a secret" })
    }
}

/// 16 hex digits, or `none`.
impl fmt::Display for SecretFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("none"),
            code => write!(f, "{code:016x}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_rfc_4231() {
        let secret = DrawSecret::of_file(&[0x0b; 20]);
        assert_eq!(secret.code("Hi There"), 0xb034_4c61_d8db_3853);
        assert_eq!(DrawSecret::of_file(b"Jefe").code("what do ya want for nothing?"), 0x5bdc_c146_bf60_754e);
        assert_eq!(DrawSecret::default().code(""), 0xb613_679a_0814_d9ec);
        let share = secret.share("Hi There");
        assert!((share - 0.688_298_009_8).abs() < 1e-9, "{share}");
    }

    #[test]
    fn a_line_end_at_the_end_of_the_file_is_not_part_of_it() {
        let code = |content: &[u8]| DrawSecret::of_file(content).code("x");
        assert_eq!(code(b"abc\n"), code(b"abc"));
        assert_eq!(code(b"abc\r\n"), code(b"abc"));
        for other in [b"abc\n\n".as_slice(), b"abc\r", b" abc", b"abc ", b"ab\nc"] {
            assert_ne!(code(other), code(b"abc"), "{other:?}");
        }
        assert!(DrawSecret::of_file(b"\n").is_empty() && DrawSecret::of_file(b"").is_empty());
    }

    #[test]
    fn neither_debug_nor_the_fingerprint_shows_the_secret() {
        let secret = DrawSecret::of_file(b"tell nobody");
        assert_eq!(format!("{secret:?} {:?}", DrawSecret::default()), "a secret no secret");
        assert_eq!(DrawSecret::default().fingerprint().to_string(), "none");
        assert_eq!(secret.fingerprint().to_string().len(), 16);
        assert_ne!(secret.fingerprint(), DrawSecret::of_file(b"tell nobody.").fingerprint());
    }
}
