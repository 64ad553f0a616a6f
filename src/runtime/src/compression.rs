//! How bytes are packed, told by how they begin, not by their names or headers; and unpacking what came in one piece.

use std::io::{self, BufReader, Read};

use bytes::Bytes;

/// What unpacks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    Gzip,
    Zstd,
}

impl Compression {
    /// `None`: it is not packed.
    pub(super) fn of(bytes: &[u8]) -> Option<Compression> {
        match bytes {
            [0x1f, 0x8b, ..] => Some(Compression::Gzip),
            // The second is a skippable frame: what parallel zstd begins its files with (RFC 8878, 3.1.2).
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Compression::Zstd),
            _ => None,
        }
    }
}

/// The body of a message, unpacked. One that is damaged, or has more than `most` bytes, stays as it is: no JSON begins
/// like that, so it is a rejection.
pub fn unpacked(body: Bytes, most: usize) -> Bytes {
    let Some(packing) = Compression::of(&body) else { return body };
    match unpack(&body, packing, most) {
        Ok(Some(unpacked)) => unpacked.into(),
        Ok(None) | Err(_) => body,
    }
}

/// `None`: there is more than `most` bytes of it. No more than that is ever unpacked.
fn unpack(body: &[u8], packing: Compression, most: usize) -> io::Result<Option<Vec<u8>>> {
    let mut unpacked = Vec::new();
    let limit = (most as u64).saturating_add(1);
    match packing {
        Compression::Gzip => flate2::bufread::MultiGzDecoder::new(body).take(limit).read_to_end(&mut unpacked)?,
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(BufReader::new(body))?;
            // What a frame may look back on is held too.
            decoder.window_log_max(most.max(1 << 20).next_power_of_two().trailing_zeros().min(27))?;
            decoder.take(limit).read_to_end(&mut unpacked)?
        }
    };
    Ok((unpacked.len() <= most).then_some(unpacked))
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
    fn bodies_are_unpacked_up_to_the_limit_and_else_stay_as_they_are() {
        let text = br#"{"type":"track"}"#.repeat(1_000);
        for pack in [gzip, zstd] {
            let packed = Bytes::from(pack(&text));
            assert_eq!(unpacked(packed.clone(), text.len()), text);
            assert_eq!(unpacked(packed.clone(), text.len() - 1), packed);
            let cut = packed.slice(..packed.len() - 1);
            assert_eq!(unpacked(cut.clone(), 1 << 20), cut);
            let twice = Bytes::from([pack(b"{}\n"), pack(b"{}")].concat());
            assert_eq!(unpacked(twice, 100), "{}\n{}");
            assert_eq!(unpacked(Bytes::from(pack(b"")), 100), "");
        }
        for plain in ["", "{}", "\u{1f}", "(", "P*M"] {
            assert_eq!(unpacked(Bytes::from_static(plain.as_bytes()), 0), plain);
        }
    }

    /// 10 MiB of nothing packed into some KiB come to no more than the limit, in bytes held.
    #[test]
    fn a_bomb_is_unpacked_no_further_than_the_limit() {
        let nothing = vec![0; 10 << 20];
        for packed in [gzip(&nothing), zstd(&nothing)] {
            let packing = Compression::of(&packed).expect("it is packed");
            assert!(packed.len() < 100 << 10);
            let mut held = Vec::new();
            match packing {
                Compression::Gzip => {
                    flate2::bufread::MultiGzDecoder::new(&packed[..]).read_to_end(&mut held).expect("sound")
                }
                Compression::Zstd => {
                    zstd::stream::read::Decoder::new(&packed[..]).expect("sound").read_to_end(&mut held).expect("sound")
                }
            };
            assert_eq!(held.len(), nothing.len(), "whole it would be so much");
            assert!(matches!(unpack(&packed, packing, 1 << 20), Ok(None)));
            assert_eq!(unpacked(Bytes::from(packed.clone()), 1 << 20), packed);
        }
    }
}
