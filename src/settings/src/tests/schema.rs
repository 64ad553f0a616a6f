//! The JSON Schema and the reader say the same of a file.

use jsonschema::Validator;
use serde_json::Value;

use super::{load, mistakes};
use crate::keys::{REPEATED, SECTIONS, SettingKind};
use crate::schema::schema;

/// The schema of a section's key.
fn part<'s>(schema: &'s Value, section: &str) -> &'s Value {
    section.split('.').fold(schema, |schema, part| &schema["properties"][part])
}

fn accepts(schema: &Validator, text: &str) -> bool {
    let value: Value = toml::from_str(text).unwrap();
    schema.is_valid(&value)
}

fn validator() -> Validator {
    jsonschema::draft7::new(&schema()).unwrap()
}

#[test]
fn the_schema_is_itself_valid() {
    jsonschema::draft7::meta::validate(&schema()).unwrap();
}

#[test]
fn the_schema_has_the_readers_keys_and_no_other() {
    let schema = schema();
    let sections: Vec<_> = schema["properties"].as_object().unwrap().keys().cloned().collect();
    let mut top: Vec<_> = SECTIONS.map(|(name, _)| name).into_iter().filter(|name| !name.contains('.')).collect();
    top.extend(["deliver", "mappings"]);
    top.sort_unstable();
    assert_eq!(sections, top);
    for (section, keys) in SECTIONS {
        let part = part(&schema, section);
        assert_eq!(part["additionalProperties"], false, "[{section}]");
        let mut found: Vec<_> = part["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        let mut known: Vec<_> = keys.iter().map(|(key, _)| *key).collect();
        found.sort_unstable();
        known.sort_unstable();
        assert_eq!(found, known, "[{section}]");
    }
}

#[test]
fn kinds_ranges_choices_and_descriptions_are_the_readers() {
    let (schema, validator) = (schema(), validator());
    let (mut ranges, mut choices) = (0, 0);
    let check = |section: &str, key: &str, value: &str, good: bool| {
        let text = format!("[{section}]\n{key} = {value}\n");
        assert_eq!(accepts(&validator, &text), good, "the schema of {text}");
        let mistakes = load(&text, &[]).err().map(|mistakes| mistakes.in_file).unwrap_or_default();
        // What else the section then lacks is another matter.
        let about = mistakes.iter().filter(|mistake| text[mistake.span.clone()] == *value).count();
        assert_eq!(about == 0, good, "the reader of {text}: {mistakes:?}");
    };
    for (section, keys) in SECTIONS {
        for (key, kind) in keys.iter().filter(|(_, kind)| *kind != SettingKind::TomlSection) {
            let part = &part(&schema, section)["properties"][key];
            assert!(
                part["description"].as_str().is_some_and(|text| text.len() > 10),
                "{section}.{key} is not described"
            );
            let expected = match kind {
                SettingKind::Number => Some("integer"),
                SettingKind::Truth => Some("boolean"),
                SettingKind::List => Some("array"),
                SettingKind::Text if part.get("oneOf").is_none() => Some("string"),
                _ => None,
            };
            assert_eq!(part["type"].as_str(), expected, "{section}.{key}");
            if let (Some(least), Some(most)) = (part["minimum"].as_i64(), part["maximum"].as_i64()) {
                ranges += 1;
                check(section, key, &least.to_string(), true);
                check(section, key, &most.to_string(), true);
                check(section, key, &(least - 1).to_string(), false);
                if most < i64::MAX {
                    check(section, key, &(most + 1).to_string(), false);
                }
            } else {
                assert_ne!(*kind, SettingKind::Number, "{section}.{key} has no range");
            }
            for choice in part["oneOf"].as_array().into_iter().flatten() {
                choices += 1;
                check(section, key, &format!("'{}'", choice["const"].as_str().unwrap()), true);
                check(section, key, "'another'", false);
            }
        }
    }
    assert_eq!((ranges, choices), (23, 11));
}

#[test]
fn defaults_are_in_the_schema() {
    let schema = schema();
    for (section, keys) in SECTIONS {
        for (key, kind) in
            keys.iter().filter(|(key, kind)| *kind != SettingKind::TomlSection && !key.ends_with("_file"))
        {
            let default = part(&schema, section)["properties"][key].get("default");
            let none = ["user", "s3_endpoint", "s3_access_key_id"].contains(key);
            assert_eq!(default.is_none(), none, "{section}.{key} ({kind:?}): {default:?}");
        }
    }
    assert_eq!(part(&schema, "source")["properties"]["tick_interval"]["default"], "500ms");
}

#[test]
fn both_refuse_what_is_wrong() {
    let validator = validator();
    for text in [
        "engin = {}",
        "[engine]\nworker = 1",
        "[engine]\nmax_disorder = '5 s'",
        "[engine]\nmax_disorder = 5",
        "[nats]\nservers = []",
        "[nats]\nservers = ['nats://u:p@h']",
        "[nats]\nservers = 'nats://h'",
        "[nats]\npassword = 'p'",
        "[nats]\nname = ''",
        "[nats.tls]\nrequired = 'yes'",
        "[source]\nsubjects = ['a..b']",
        "[source]\ntick_subject = 'a.*'",
        "[source]\nstart = 'last'",
        "[source]\nstart = 0",
        "[source]\nstream = 'a.b'",
        "[output]\nprefix = '$SYS'",
        "[output]\nprefix = 'a b'",
        "[checkpoint]\nkeep = 0",
        "[checkpoint]\ns3_endpoint = 'minio:9000'",
        "[checkpoint]\ns3_secret_access_key = 's'",
        "[http]\nlisten = 'localhost'",
        "[http]\ntoken = 't'",
        "[http]\nlisten = '127.0.0.1'",
    ] {
        assert!(!accepts(&validator, text), "the schema takes {text}");
        assert!(!mistakes(text).is_empty());
    }
}

#[test]
fn both_accept_what_is_right() {
    let validator = validator();
    for text in [
        "",
        include_str!("../../../../config/rekindle.toml"),
        "[source]\nstart = 42\nsubjects = ['a.*.b', 'c.>', '*']",
        "[source]\nstart = '2026-03-09T00:00:00.5+01:00'",
        "[output]\nprefix = 'a$.b-c_d'",
        "[checkpoint]\nstore = 's3://b/p'\ns3_endpoint = 'https://h:9000'\ns3_region = 'eu-central-1'",
        "[checkpoint]\nstore = ''\ninterval = '1h'",
        "[http]\nlisten = '[::1]:80'",
        "[nats]\nuser = 'u'\npassword_file = 'p'\nservers = ['nats://[::1]:4222', 'tls://h']",
    ] {
        assert!(accepts(&validator, text), "the schema refuses {text}");
        assert!(load(text, &[]).is_ok(), "the reader refuses {text}");
    }
}

#[test]
fn what_is_repeated_has_the_readers_keys_and_no_other() {
    let schema = schema();
    let destination = &schema["properties"]["deliver"]["items"];
    for (section, keys) in REPEATED {
        let part = match section.strip_prefix("deliver.") {
            None if section == "mappings" => {
                let items = &schema["properties"]["mappings"]["items"];
                assert!(keys.iter().map(|(key, _)| *key).eq(rekindle_mapping::TABLE_KEYS), "{keys:?}");
                items
            }
            None => destination,
            Some(name) => &destination["properties"][name],
        };
        let part = part.get("anyOf").map_or(part, |any| &any[0]);
        assert_eq!(part["additionalProperties"], false, "[{section}] {part}");
        let mut found: Vec<_> = part["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        let mut known: Vec<_> = keys.iter().map(|(key, _)| *key).collect();
        found.sort_unstable();
        known.sort_unstable();
        assert_eq!(found, known, "[{section}]");
    }
}
