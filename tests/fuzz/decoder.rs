//! Coverage-guided: the decoder agrees with the slow reading of the test kit about any bytes.
//!
//! ```sh
//! cargo fuzz run --fuzz-dir tests/fuzz --sanitizer none decoder
//! ```
//! The stable toolchain is enough without a sanitizer.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rekindle_core::decode::Decoder;
use rekindle_core::rules::ruleset::Projection;
use rekindle_test_kit::decoder_oracle::{reading, verdict};

fuzz_target!(|line: &[u8]| {
    let own = |paths: &[&[&str]]| {
        paths.iter().map(|path| path.iter().map(|key| (*key).to_owned()).collect()).collect::<Vec<Vec<String>>>()
    };
    let fields = own(&[&["properties", "a"], &["properties", "a", "b"], &["properties", "name"], &["context", "a"]]);
    let projection = Projection { fields, traits: own(&[&["a"], &["a", "b"]]), ..Projection::default() };
    let mut decoded = Vec::new();
    Decoder::new(&projection, 1 << 20).decode(line, &mut decoded);
    let found: Vec<_> = decoded.iter().map(verdict::of_decoded).collect();
    let expected = reading::of_line(line, &projection, 1 << 20);
    let alike = found.len() == expected.len() && found.iter().zip(&expected).all(|(a, b)| a == b);
    assert!(alike, "the decoder says {found:#?}\nthe reading says {expected:#?}");
});
