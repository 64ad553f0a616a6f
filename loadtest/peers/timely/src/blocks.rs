//! A file of JSON lines, block by block of whole lines, in one buffer.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// How much is read at a time; more if a line is longer.
const BLOCK_BYTES: usize = 512 << 10;

/// Reads a file.
#[derive(Debug)]
pub(crate) struct BlockReader {
    file: File,
    buffer: Vec<u8>,
    filled: usize,
    /// The bytes at the front of the buffer that were handed on; what is left is the beginning of a line.
    handed_on: usize,
}

impl BlockReader {
    /// From the beginning of a file.
    pub(crate) fn open(path: &Path) -> io::Result<BlockReader> {
        Ok(BlockReader { file: File::open(path)?, buffer: vec![0; BLOCK_BYTES], filled: 0, handed_on: 0 })
    }

    /// The next lines; the last one of the file may lack its end.
    pub(crate) fn next_block(&mut self) -> io::Result<Option<&[u8]>> {
        self.buffer.copy_within(self.handed_on..self.filled, 0);
        self.filled -= self.handed_on;
        self.handed_on = 0;
        while self.handed_on == 0 {
            if self.filled == self.buffer.len() {
                self.buffer.resize(self.filled * 2, 0);
            }
            match self.file.read(&mut self.buffer[self.filled..])? {
                0 if self.filled == 0 => return Ok(None),
                0 => self.handed_on = self.filled,
                count => {
                    self.filled += count;
                    self.handed_on = memchr::memrchr(b'\n', &self.buffer[..self.filled]).map_or(0, |end| end + 1);
                }
            }
        }
        Ok(Some(&self.buffer[..self.handed_on]))
    }
}

/// The lines of a block that are not empty.
pub(crate) fn lines(block: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = block;
    let all = std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line = &rest[..end];
        rest = &rest[(end + 1).min(rest.len())..];
        Some(line)
    });
    all.filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_its_lines_however_long_they_are() {
        let long = "x".repeat(3 * BLOCK_BYTES);
        let path = std::env::temp_dir().join(format!("w1-timely-{}", std::process::id()));
        std::fs::write(&path, format!("a\n\n{long}\nb")).expect("a file");
        let mut reader = BlockReader::open(&path).expect("it is there");
        let mut found = Vec::new();
        while let Some(block) = reader.next_block().expect("it can be read") {
            found.extend(lines(block).map(<[u8]>::to_vec));
        }
        std::fs::remove_file(&path).expect("it is there");
        assert_eq!(found, [b"a".to_vec(), long.into_bytes(), b"b".to_vec()]);
    }
}
