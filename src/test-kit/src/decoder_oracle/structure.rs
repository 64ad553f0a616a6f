//! Where the calls of a batch stand, by brackets and quotes: how deep every byte is, first, and then where commas are.

/// How many brackets are open before each byte; `None` inside strings. Nothing at all where brackets or quotes don't match,
/// or where something stands before the first bracket or behind the last.
fn depths(text: &[u8]) -> Option<Vec<Option<usize>>> {
    let (mut depths, mut open, mut string) = (Vec::new(), Vec::new(), None);
    let mut is_over = false;
    for byte in text {
        match (string, byte) {
            (Some(true), _) => {
                string = Some(false);
                depths.push(None);
            }
            (Some(false), byte) => {
                match byte {
                    b'\\' => string = Some(true),
                    b'"' => string = None,
                    _ => {}
                }
                depths.push(None);
            }
            (None, byte) => {
                depths.push(Some(open.len()));
                let is_blank = b" \t\r\n".contains(byte);
                if !is_blank && (is_over || (open.is_empty() && !b"[{".contains(byte))) {
                    return None;
                }
                match byte {
                    b'"' => string = Some(false),
                    b'[' | b'{' => open.push(*byte),
                    b']' if open.pop() != Some(b'[') => return None,
                    b'}' if open.pop() != Some(b'{') => return None,
                    _ => {}
                }
                is_over |= !is_blank && open.is_empty();
            }
        }
    }
    (is_over && string.is_none()).then_some(depths)
}

/// The parts between the commas of the outermost array or object, and where each begins.
fn parts(text: &[u8]) -> Option<Vec<(usize, &[u8])>> {
    let depths = depths(text)?;
    let outside = |at: usize| depths[at] == Some(1);
    let begin = depths.iter().position(|depth| *depth == Some(1))?;
    let end = depths.iter().rposition(|depth| *depth == Some(1))?;
    let (mut parts, mut from) = (Vec::new(), begin);
    for at in begin..=end {
        if at == end || (text[at] == b',' && outside(at)) {
            parts.push((from, &text[from..at]));
            from = at + 1;
        }
    }
    Some(parts)
}

fn trimmed((from, part): (usize, &[u8])) -> (usize, &[u8]) {
    let is_blank = |byte: &u8| b" \t\r\n".contains(byte);
    let before = part.iter().take_while(|byte| is_blank(byte)).count();
    let after = part[before..].iter().rev().take_while(|byte| is_blank(byte)).count();
    (from + before, &part[before..part.len() - after])
}

/// The elements of an array; `None`: it is none, or has holes.
pub fn elements(text: &[u8]) -> Option<Vec<&[u8]>> {
    if trimmed((0, text)).1.first() != Some(&b'[') {
        return None;
    }
    let elements: Vec<_> = parts(text)?.into_iter().map(|part| trimmed(part).1).collect();
    match elements.as_slice() {
        [[]] => Some(Vec::new()),
        _ => elements.iter().all(|element| !element.is_empty()).then_some(elements),
    }
}

/// The array of an object's last `batch`, and the object without what stands in it.
pub fn batch(text: &[u8]) -> Option<(&[u8], Vec<u8>)> {
    let mut found = None;
    for part in parts(text)? {
        let (from, member) = trimmed(part);
        let key_end = 1 + (1..member.len()).find(|at| member[*at] == b'"' && !is_escaped(&member[..*at]))?;
        let key = crate::decoder_oracle::lenient::read(&member[..key_end])?.text()?.to_owned();
        let colon = key_end + member[key_end..].iter().position(|byte| *byte == b':')?;
        let (at, value) = trimmed((from + colon + 1, &member[colon + 1..]));
        if key == "batch" {
            found = value.starts_with(b"[").then_some((at, value));
        }
    }
    let (at, array) = found?;
    Some((array, [&text[..at], b"[]", &text[at + array.len()..]].concat()))
}

fn is_escaped(before: &[u8]) -> bool {
    before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}
