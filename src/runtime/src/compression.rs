//! Detection of gzip and zstd by the first bytes, and decompression of message bodies up to a limit.
//!
//! Files are decompressed as streams, in `files::source`.

use std::io::{self, BufReader, Read};

use bytes::Bytes;

/// A compression format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    Gzip,
    Zstd,
}

impl Compression {
    /// `None`: the bytes are not compressed.
    pub(super) fn of(bytes: &[u8]) -> Option<Compression> {
        match bytes {
            [0x1f, 0x8b, ..] => Some(Compression::Gzip),
            // The second is a skippable frame, with which parallel zstd begins its files (RFC 8878, 3.1.2).
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Compression::Zstd),
            _ => None,
        }
    }
}

/// The body of a message, uncompressed. A body that is damaged, or has more than `max_bytes`, is returned as it is: no JSON
/// begins like that, so it is rejected.
pub fn decompressed(body: Bytes, max_bytes: usize) -> Bytes {
    let Some(compression) = Compression::of(&body) else { return body };
    match decompress(&body, compression, max_bytes) {
        Ok(Some(decompressed)) => decompressed.into(),
        Ok(None) | Err(_) => body,
    }
}

/// `None`: it has more than `max_bytes`. No more than that is ever decompressed.
fn decompress(body: &[u8], compression: Compression, max_bytes: usize) -> io::Result<Option<Vec<u8>>> {
    let mut decompressed = Vec::new();
    let limit = (max_bytes as u64).saturating_add(1);
    match compression {
        Compression::Gzip => flate2::bufread::MultiGzDecoder::new(body).take(limit).read_to_end(&mut decompressed)?,
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(BufReader::new(body))?;
            // The window of a frame is in memory too.
            decoder.window_log_max(max_bytes.max(1 << 20).next_power_of_two().trailing_zeros().min(27))?;
            decoder.take(limit).read_to_end(&mut decompressed)?
        }
    };
    Ok((decompressed.len() <= max_bytes).then_some(decompressed))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(text).expect("memory can be written to");
        packer.finish().expect("memory can be written to")
    }

    fn zstd(text: &[u8]) -> Vec<u8> {
        zstd::encode_all(text, 1).expect("memory can be written to")
    }

    #[test]
    fn bodies_are_decompressed_up_to_the_limit_and_otherwise_unchanged() {
        let text = br#"{"type":"track"}"#.repeat(1_000);
        for pack in [gzip, zstd] {
            let packed = Bytes::from(pack(&text));
            assert_eq!(decompressed(packed.clone(), text.len()), text);
            assert_eq!(decompressed(packed.clone(), text.len() - 1), packed);
            let truncated = packed.slice(..packed.len() - 1);
            assert_eq!(decompressed(truncated.clone(), 1 << 20), truncated);
            let twice = Bytes::from([pack(b"{}\n"), pack(b"{}")].concat());
            assert_eq!(decompressed(twice, 100), "{}\n{}");
            assert_eq!(decompressed(Bytes::from(pack(b"")), 100), "");
        }
        for plain in ["", "{}", "\u{1f}", "(", "P*M"] {
            assert_eq!(decompressed(Bytes::from_static(plain.as_bytes()), 0), plain);
        }
    }

    /// 10 MiB of zeros, compressed to some KiB, take no more memory than the limit.
    #[test]
    fn a_decompression_bomb_is_decompressed_up_to_the_limit() {
        let nothing = vec![0; 10 << 20];
        for packed in [gzip(&nothing), zstd(&nothing)] {
            let compression = Compression::of(&packed).expect("it is packed");
            assert!(packed.len() < 100 << 10);
            let mut held = Vec::new();
            match compression {
                Compression::Gzip => {
                    flate2::bufread::MultiGzDecoder::new(&packed[..]).read_to_end(&mut held).expect("sound")
                }
                Compression::Zstd => {
                    zstd::stream::read::Decoder::new(&packed[..]).expect("sound").read_to_end(&mut held).expect("sound")
                }
            };
            assert_eq!(held.len(), nothing.len(), "all of it");
            assert!(matches!(decompress(&packed, compression, 1 << 20), Ok(None)));
            assert_eq!(decompressed(Bytes::from(packed.clone()), 1 << 20), packed);
        }
    }
}
