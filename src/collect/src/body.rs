//! The body of a request, decompressed within a limit.

use std::io::Read;

use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use thiserror::Error;

/// Why a body can't be used.
#[derive(Debug, PartialEq, Eq, Error)]
pub(crate) enum BodyError {
    /// Larger than it may be, as it came or decompressed.
    #[error("a body may have {limit} bytes, also when it is decompressed; send smaller batches")]
    TooLarge { limit: usize },
    /// Said to be gzip, or beginning like it, and none.
    #[error("the body begins like gzip, or its Content-Encoding says gzip, and it is damaged or something else")]
    NotGzip,
}

/// Decompresses a body: what `Content-Encoding` calls gzip, and what begins like it, whatever the headers say.
pub(crate) fn decompressed(body: Bytes, is_gzip: bool, limit: usize) -> Result<Bytes, BodyError> {
    if body.len() > limit {
        return Err(BodyError::TooLarge { limit });
    }
    // Some proxies decompress a body and leave the header.
    let begins_like_json =
        body.iter().find(|byte| !byte.is_ascii_whitespace()).is_some_and(|byte| b"{[".contains(byte));
    if !body.starts_with(&[0x1f, 0x8b]) {
        return if is_gzip && !begins_like_json && !body.is_empty() { Err(BodyError::NotGzip) } else { Ok(body) };
    }
    let mut unpacked = Vec::new();
    let most = (limit as u64).saturating_add(1);
    MultiGzDecoder::new(&body[..]).take(most).read_to_end(&mut unpacked).map_err(|_| BodyError::NotGzip)?;
    if unpacked.len() > limit { Err(BodyError::TooLarge { limit }) } else { Ok(unpacked.into()) }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(text: &[u8]) -> Bytes {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(text).expect("to memory");
        packer.finish().expect("to memory").into()
    }

    #[test]
    fn gzip_is_known_by_its_first_bytes_whatever_the_header_says() {
        for is_gzip in [true, false] {
            assert_eq!(decompressed(gzip(b"{}"), is_gzip, 100), Ok("{}".into()));
            assert_eq!(decompressed(" {}".into(), is_gzip, 10), Ok(" {}".into()));
        }
        assert_eq!(decompressed("x".into(), true, 10), Err(BodyError::NotGzip));
        assert_eq!(decompressed(gzip(b"{}").slice(..12), false, 20), Err(BodyError::NotGzip));
    }

    #[test]
    fn a_body_that_grows_beyond_the_limit_is_refused_and_costs_no_more() {
        let bomb = gzip(&vec![b' '; 10 << 20]);
        assert_eq!(decompressed(bomb, true, 100_000), Err(BodyError::TooLarge { limit: 100_000 }));
        assert_eq!(decompressed(vec![b' '; 11].into(), false, 10), Err(BodyError::TooLarge { limit: 10 }));
        assert!(decompressed(gzip(&[b' '; 10]), false, 100).is_ok());
    }
}
