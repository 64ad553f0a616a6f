//! Messages that are no calls, made calls of by the mappings of the settings.
//!
//! A pure function of the message and the settings: a message that is read again gives the same bytes.

use bytes::Bytes;
use rekindle_mapping::{ItemOutcome, MappingTable};
use rekindle_runtime::log::NOT_MAPPED;
use rekindle_settings::subject_matches;
use serde_json::Value;

/// The most events of one message.
const ITEMS_MAX: usize = 100_000;

/// How many times as long as the message its calls may be.
const EXPANSION_MAX: usize = 4;

/// The mapping of messages on that subject.
pub(super) fn table_of<'m>(mappings: &'m [(String, MappingTable)], subject: &str) -> Option<&'m MappingTable> {
    mappings.iter().find(|(pattern, _)| subject_matches(pattern, subject)).map(|(_, table)| table)
}

/// The calls of a message, one in each line. What gives none stands behind [`NOT_MAPPED`]; a message that can't be read, or has more calls
/// than a message may have, behind two of them.
pub(super) fn lines_of(table: &MappingTable, body: &[u8], max_bytes: usize) -> Bytes {
    mapped(table, body, max_bytes.saturating_mul(EXPANSION_MAX))
        .map_or_else(|| Bytes::from([&[NOT_MAPPED, NOT_MAPPED], body].concat()), Bytes::from)
}

fn mapped(table: &MappingTable, body: &[u8], max_bytes: usize) -> Option<Vec<u8>> {
    let (mut lines, mut items) = (Vec::new(), 0);
    // One document, or several lines of JSON.
    for body in serde_json::Deserializer::from_slice(body).into_iter::<Value>() {
        let body = body.ok()?;
        for mapped in table.mapped(&body, &Value::Null) {
            match mapped.outcome {
                ItemOutcome::Call(call, _) => lines.extend_from_slice(call.to_string().as_bytes()),
                ItemOutcome::NotMapped => {
                    lines.push(NOT_MAPPED);
                    lines.extend_from_slice(mapped.item.to_string().as_bytes());
                }
                ItemOutcome::Nothing => continue,
            }
            lines.push(b'\n');
            items += 1;
            if items > ITEMS_MAX || lines.len() > max_bytes {
                return None;
            }
        }
    }
    Some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "list = ['sales']\n[[calls]]\nwhen = [{ field = 'kind', is = ['ping'] }]\ntype = 'none'\n\
        [[calls]]\nwhen = [{ field = 'kind', is = ['sale'] }]\ntype = 'track'\nevent = \"'Order Completed'\"\nuser_id = 'card'";

    fn lines(body: &str) -> String {
        let table = MappingTable::parse(TABLE).expect("a table");
        String::from_utf8(lines_of(&table, body.as_bytes(), 1_000).to_vec()).expect("text")
    }

    #[test]
    fn each_event_of_a_message_is_a_line() {
        let call = "{\"event\":\"Order Completed\",\"type\":\"track\",\"userId\":\"7\"}\n";
        assert_eq!(lines(r#"{"kind":"sale","card":7}"#), call);
        assert_eq!(
            lines("{\"sales\":[{\"kind\":\"sale\",\"card\":7},{\"kind\":\"ping\"},{\"x\":1}]}"),
            format!("{call}!{{\"x\":1}}\n")
        );
        assert_eq!(lines("{\"kind\":\"sale\",\"card\":7}\n{\"kind\":\"sale\",\"card\":7}\n"), call.repeat(2));
        assert_eq!(lines(r#"{"kind":"ping"}"#), "");
    }

    #[test]
    fn what_can_not_be_read_is_kept_as_it_came() {
        for body in ["<xml>\n</xml>", "{\"kind\":", "\u{0}", &format!("[{}1]", "1,".repeat(2_000))] {
            assert_eq!(lines(body), format!("!!{body}"));
        }
    }

    #[test]
    fn the_pattern_of_a_subject_decides() {
        let table = |name: &str| MappingTable { name: name.to_owned(), ..MappingTable::default() };
        let mappings = vec![("events.till.*".to_owned(), table("a")), ("events.pos.>".to_owned(), table("b"))];
        let found = |subject| table_of(&mappings, subject).map(|table| table.name.as_str());
        assert_eq!((found("events.till.1"), found("events.pos.x.y")), (Some("a"), Some("b")));
        assert_eq!((found("events.till.1.2"), found("events.web")), (None, None));
    }
}
