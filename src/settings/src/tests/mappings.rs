//! `[[mappings]]` and `[source.mappings]`: what is read, and what is wrong with it.

use super::{mistakes, only_mistake, read};

const TILL: &str =
    "[[mappings]]\nname = 'till'\n[[mappings.calls]]\ntype = 'track'\nevent = 'what'\nuser_id = 'card'\n";

#[test]
fn a_mapping_of_the_logs_messages_is_read() {
    let settings = read(&format!("[source.mappings]\n'events.till.>' = 'till'\n{TILL}"));
    let mappings = settings.source_mappings();
    assert_eq!((mappings[0].0.as_str(), mappings[0].1.name.as_str()), ("events.till.>", "till"));
    let other = read(&format!("[source.mappings]\n'events.till.>' = 'till'\n{}", TILL.replace("card", "customer")));
    assert_ne!(settings.mappings_fingerprint(), other.mappings_fingerprint());
    let elsewhere = read(&format!("[source.mappings]\n'events.pos' = 'till'\n{TILL}"));
    assert_ne!(settings.mappings_fingerprint(), elsewhere.mappings_fingerprint());
    assert_eq!(read(TILL).mappings_fingerprint(), "", "the log's messages are calls");
}

#[test]
fn every_mistake_is_reported_at_its_place() {
    for (text, place, message) in [
        (TILL.replace("track", "trak"), "'trak'", "must be one of"),
        (TILL.replace("'card'", "'card as txt'"), "'card as txt'", "no form of a value"),
        (TILL.replace("'till'", "'posthog'"), "'posthog'", "is built in"),
        (format!("{TILL}{TILL}"), "'till'", "two mappings named `till`"),
        (format!("[source.mappings]\n'events.x' = 'tll'\n{TILL}"), "'tll'", "there is no mapping `tll`"),
        (format!("[source.mappings]\n'shop.x' = 'till'\n{TILL}"), "'shop.x'", "no events are read from"),
        (format!("[source.mappings]\n'a..b' = 'till'\n{TILL}"), "'a..b'", "nothing before, between or behind"),
        (format!("[source.mappings]\n'events.x' = 1\n{TILL}"), "1", "must be the name"),
    ] {
        let (found, span, _) = only_mistake(&text);
        assert!(found.contains(message) && span == place, "{found} at {span}");
    }
    let unnamed = mistakes(&TILL.replace("name = 'till'", ""));
    assert!(unnamed[0].0.contains("has no `name`"), "{unnamed:?}");
    let twice = mistakes(&format!("[source.mappings]\n'events.>' = 'till'\n'events.x' = 'till'\n{TILL}"));
    assert!(twice[0].0.contains("messages could match"), "{twice:?}");
}
