//! JSON documents over several lines: where they end, and where an array of calls can be divided, found by quotes and brackets
//! alone while the bytes arrive. Whether a document is valid JSON is the decoder's business.

/// A document whose beginning was read.
#[derive(Debug, Default)]
pub(super) struct JsonDocument {
    /// The closing bracket of each open one, innermost last.
    closing: Vec<u8>,
    in_string: bool,
    is_escaped: bool,
    /// The number of bytes that were examined.
    read: usize,
    /// After the last comma between elements of the outermost array.
    comma: Option<usize>,
    /// Elements were removed: the opening bracket of the text was inserted.
    is_divided: bool,
}

/// How far a document has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DocumentProgress {
    /// It continues.
    Open,
    /// It ends before this byte.
    Ends(usize),
    /// Its brackets do not match: it is no document.
    Broken,
}

impl JsonDocument {
    /// Whether lines begin with a document that does not end in the first line that is not blank. `is_all`: no more lines
    /// follow. An unfinished line is a document only if it is an array, which can be divided.
    pub(super) fn begins(lines: &[u8], is_all: bool) -> bool {
        let blanks = lines.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let text = &lines[blanks..];
        let inside = text.iter().skip(1).find(|byte| !byte.is_ascii_whitespace());
        if !matches!((text.first(), inside), (Some(b'{'), Some(b'"')) | (Some(b'['), Some(b'{'))) {
            return false;
        }
        let first_line = memchr::memchr(b'\n', text).map(|at| &text[..at]);
        let is_open = |line| JsonDocument::default().read(line) == DocumentProgress::Open;
        match (text.first(), first_line) {
            (Some(b'{' | b'['), Some(line)) => is_open(line),
            (Some(b'['), None) => !is_all && is_open(text),
            _ => false,
        }
    }

    /// Examines more bytes; `text` begins where the document does, with the white space before it.
    pub(super) fn read(&mut self, text: &[u8]) -> DocumentProgress {
        while let Some(byte) = text.get(self.read) {
            self.read += 1;
            if self.in_string {
                match byte {
                    _ if self.is_escaped => self.is_escaped = false,
                    b'\\' => self.is_escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' => self.closing.push(b'}'),
                b'[' => self.closing.push(b']'),
                b'}' | b']' if self.closing.pop() != Some(*byte) => return DocumentProgress::Broken,
                b'}' | b']' if self.closing.is_empty() => return DocumentProgress::Ends(self.read),
                b',' if self.closing == [b']'] => self.comma = Some(self.read),
                _ => {}
            }
        }
        DocumentProgress::Open
    }

    /// Removes the complete elements of the outermost array, with the comma after them, and returns them as an array of their
    /// own; `None`: there are none, or it is no array.
    pub(super) fn take_elements(&mut self, text: &mut Vec<u8>) -> Option<Vec<u8>> {
        let comma = self.comma.take()?;
        let mut taken = std::mem::replace(text, text[comma..].to_vec());
        taken.truncate(comma - 1);
        taken.push(b']');
        text.insert(0, b'[');
        self.is_divided = true;
        self.read = self.read - comma + 1;
        Some(taken)
    }

    /// Leaves of the text what is in the file.
    pub(super) fn give_up(&self, text: &mut Vec<u8>) {
        if self.is_divided {
            text.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_distinguished_from_lines() {
        for document in ["{\n\"", "\n [\n{}\n]", "[{},\n{}]\n", "{\"a\":\"\n", "{\"a\":[1,\n2]}"] {
            assert!(JsonDocument::begins(document.as_bytes(), true), "{document:?}");
        }
        for lines in
            ["", "\n", "{}\n", "{}\n{\n", "[{}]\n[\n", "{\"a\":\"{\"}\n", "x\n{\n", "}\n", "[}\n", "{\"a\":", "[{},"]
        {
            assert!(!JsonDocument::begins(lines.as_bytes(), true), "{lines:?}");
        }
        assert!(JsonDocument::begins(b"[{},", false), "an unfinished line");
        assert!(!JsonDocument::begins(b"{\"a\":", false), "an unfinished line that can't be divided");
    }

    #[test]
    fn elements_are_removed_however_the_text_arrives() {
        let text = br#" [ {"a":[1,2]} , "x,]\"," ,
            3 , {"b":"}"}
        ] "#;
        for step in 1..text.len() {
            let (mut document, mut held, mut found) = (JsonDocument::default(), Vec::new(), Vec::new());
            let mut end = None;
            for part in text.chunks(step) {
                held.extend_from_slice(part);
                match document.read(&held) {
                    DocumentProgress::Open => found.extend(document.take_elements(&mut held)),
                    DocumentProgress::Ends(at) if end.is_none() => {
                        found.push(held[..at].to_vec());
                        end = Some(at);
                    }
                    progress => assert_eq!(progress, DocumentProgress::Open),
                }
                if end.is_some() {
                    break;
                }
            }
            let elements = found.iter().flat_map(|taken| {
                let array: Vec<serde_json::Value> = serde_json::from_slice(taken).expect("an array");
                array
            });
            let expected: Vec<serde_json::Value> = serde_json::from_slice(text).expect("an array");
            assert_eq!(elements.collect::<Vec<_>>(), expected, "step {step}");
        }
    }
}
