//! Numbers from 0 to 1 that stand for a text: of the hash that forms groups, and of draws that only the secret foretells.

use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::xxh3_64;

const BLOCK_BYTES: usize = 64;

/// The hash of a key as a number from 0 to 1.
pub(crate) fn share(key: &str) -> f64 {
    xxh3_64(key.as_bytes()) as f64 / 2f64.powi(64)
}

/// HMAC-SHA256 of a text as a number from 0 to 1 (RFC 2104).
pub(crate) fn hmac_share(secret: &[u8], text: &str) -> f64 {
    let first = hmac(secret, text)[..8].iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    first as f64 / 2f64.powi(64)
}

/// HMAC-SHA256 of a text.
pub(crate) fn hmac(secret: &[u8], text: &str) -> Vec<u8> {
    let mut key = if secret.len() > BLOCK_BYTES { sha256(&[secret]) } else { secret.to_vec() };
    key.resize(BLOCK_BYTES, 0);
    let padded = |pad: u8| key.iter().map(|byte| byte ^ pad).collect::<Vec<u8>>();
    let inner = sha256(&[&padded(0x36), text.as_bytes()]);
    sha256(&[&padded(0x5c), &inner])
}

fn sha256(parts: &[&[u8]]) -> Vec<u8> {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().to_vec()
}

#[test]
fn hmac_is_that_of_rfc_4231() {
    // Test case 2: the code begins with 5bdcc146bf60754e.
    let share = hmac_share(b"Jefe", "what do ya want for nothing?");
    assert_eq!(share, 0x5bdc_c146_bf60_754e_u64 as f64 / 2f64.powi(64));
}
