//! Which subjects a subject with wildcards matches.

/// Whether every subject that `narrow` matches is matched by `wide`: `events.>` covers `events.*.new`.
pub(crate) fn covers(wide: &str, narrow: &str) -> bool {
    let (mut wide, mut narrow) = (wide.split('.'), narrow.split('.'));
    loop {
        match (wide.next(), narrow.next()) {
            (Some(">"), Some(_)) | (None, None) => return true,
            (Some("*"), Some(token)) if token != ">" => {}
            (Some(token), Some(other)) if token == other => {}
            _ => return false,
        }
    }
}

/// Whether a subject can match both.
pub(crate) fn overlap(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one.split('.'), other.split('.'));
    loop {
        match (one.next(), other.next()) {
            (Some(">"), Some(_)) | (Some(_), Some(">")) | (None, None) => return true,
            (Some(a), Some(b)) if a == b || a == "*" || b == "*" => {}
            _ => return false,
        }
    }
}

/// The subjects without those that are covered by others of them: the server refuses filters that overlap.
pub(crate) fn without_covered(subjects: &[String]) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for subject in subjects {
        if kept.iter().any(|other| covers(other, subject)) {
            continue;
        }
        kept.retain(|other| !covers(subject, other));
        kept.push(subject.clone());
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_cover_what_they_take_in() {
        for (wide, narrow) in
            [("a.b", "a.b"), ("a.*", "a.b"), ("a.*", "a.*"), ("a.>", "a.b.c"), ("a.>", "a.*.>"), (">", "a"), (">", ">")]
        {
            assert!(covers(wide, narrow), "{wide} {narrow}");
            assert!(overlap(wide, narrow) && overlap(narrow, wide), "{wide} {narrow}");
        }
        for (wide, narrow) in
            [("a.b", "a.*"), ("a.*", "a.b.c"), ("a.>", "a"), ("a.*", "a.>"), ("a.b", "a"), ("a", "a.b"), ("a.>", ">")]
        {
            assert!(!covers(wide, narrow), "{wide} {narrow}");
        }
    }

    #[test]
    fn subjects_overlap_where_one_message_could_have_both() {
        assert!(overlap("a.*", "*.b") && overlap("a.>", "*.b.c") && overlap("a.>", "a.b"));
        assert!(!overlap("a.*", "b.*") && !overlap("a", "a.b") && !overlap("a.>", "a") && !overlap("a.b.*", "a.*"));
    }

    #[test]
    fn covered_subjects_are_left_out_whatever_their_order() {
        let given = ["a.b", "a.>", "rekindle.tick", "a.c"].map(str::to_owned);
        assert_eq!(without_covered(&given), ["a.>", "rekindle.tick"]);
    }
}
