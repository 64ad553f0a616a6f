//! Variables of the environment over the file, and secrets in them.

use std::ffi::OsString;
use std::path::Path;

use super::load;
use crate::keys::{self, SettingKind};
use crate::{NatsAuth, Secret, SettingPlace, Settings, StartPosition, VariableError};

fn variable_mistakes(text: &str, variables: &[(&str, &str)]) -> Vec<(String, String, String)> {
    let mistakes = load(text, variables).unwrap_err();
    assert_eq!(mistakes.in_file, []);
    let tuple = |VariableError { variable, message, help }| (variable, message, help);
    mistakes.in_variables.into_iter().map(tuple).collect()
}

#[test]
fn a_variable_goes_before_the_file() {
    let text = "[engine]\nworkers = 8\npartitions = 16\n";
    let config = load(text, &[("REKINDLE_ENGINE_WORKERS", "2"), ("HOME", "/root"), ("REKINDLE_DATA", "/d")]).unwrap();
    assert_eq!((config.engine.workers, config.engine.partitions), (2, 16));
    // What it replaces is not looked at.
    assert_eq!(load("[engine]\nworkers = 'x'", &[("REKINDLE_ENGINE_WORKERS", "2")]).unwrap().engine.workers, 2);
}

/// A pod beside services that are named `rekindle` and `rekindle-http`.
#[test]
fn variables_that_kubernetes_makes_of_services_are_ignored() {
    let of_services = [
        ("REKINDLE_HTTP_PORT", "tcp://10.0.0.2:9464"),
        ("REKINDLE_HTTP_PORT_9464_TCP", "tcp://10.0.0.2:9464"),
        ("REKINDLE_HTTP_SERVICE_HOST", "10.0.0.2"),
        ("REKINDLE_PORT", "tcp://10.0.0.1:9464"),
        ("REKINDLE_PORT_53_UDP_PROTO", "udp"),
        ("REKINDLE_PORT_9464_TCP", "tcp://10.0.0.1:9464"),
        ("REKINDLE_PORT_9464_TCP_ADDR", "10.0.0.1"),
        ("REKINDLE_PORT_9464_TCP_PORT", "9464"),
        ("REKINDLE_PORT_9464_TCP_PROTO", "tcp"),
        ("REKINDLE_SERVICE_HOST", "10.0.0.1"),
        ("REKINDLE_SERVICE_PORT", "9464"),
        ("REKINDLE_SERVICE_PORT_METRICS", "9464"),
    ];
    let config = load("", &[&of_services[..], &[("REKINDLE_ENGINE_WORKERS", "2")]].concat()).unwrap();
    assert_eq!((config.ignored, config.engine.workers), (of_services.map(|(name, _)| name.to_owned()).into(), 2));
    for name in [
        "REKINDLE_SERVICE",
        "REKINDLE_PORT_X_TCP",
        "REKINDLE_PORTS",
        "REKINDLE_SERVICE_HOSTS",
        "REKINDLE_HTTP_PORT_1_TCP_X",
    ] {
        let [(variable, message, _)] = variable_mistakes("", &[(name, "1")]).try_into().expect("one mistake");
        assert_eq!((variable.as_str(), message.as_str()), (name, "no setting has this variable"));
    }
}

#[test]
fn variables_need_no_section_in_the_file() {
    let variables = [
        ("REKINDLE_NATS_SERVERS", "nats://a:4222, tls://b:4222"),
        ("REKINDLE_NATS_TLS_CA_FILE", "ca.pem"),
        ("REKINDLE_NATS_NAME", "123"),
        ("REKINDLE_SOURCE_START", "42"),
        ("REKINDLE_OUTPUT_CREATE", "true"),
        ("REKINDLE_LOG_LEVEL", "debug"),
        ("REKINDLE_SHUTDOWN_DEADLINE", "30s"),
    ];
    let config = load("", &variables).unwrap();
    assert_eq!(config.nats.servers, ["nats://a:4222", "tls://b:4222"]);
    assert_eq!(config.nats.tls.ca_file.as_deref(), Some(Path::new("/etc/rekindle/ca.pem")));
    assert_eq!(config.nats.name, "123");
    assert_eq!(config.source.start, StartPosition::Sequence(42));
    assert!(config.output.create);
    assert_eq!(config.log.level.to_string(), "debug");
    assert_eq!(config.shutdown.deadline.0, 30_000);
    assert_eq!(config.files[0].place, SettingPlace::Variable("REKINDLE_NATS_TLS_CA_FILE".to_owned()));
    let start = |text| load("", &[("REKINDLE_SOURCE_START", text)]).unwrap().source.start;
    assert_eq!(start("new"), StartPosition::New);
    assert!(matches!(start("2026-03-09T00:00:00Z"), StartPosition::Time(_)));
}

#[test]
fn a_variable_of_a_setting_that_is_gone_says_what_to_do() {
    let mistakes = variable_mistakes("", &[("REKINDLE_ENGINE_MAX_FUTURE", "5m")]);
    let [(variable, message, help)] = &mistakes[..] else { panic!("{mistakes:?}") };
    assert!(variable == "REKINDLE_ENGINE_MAX_FUTURE" && message.starts_with("`max_future` is gone"), "{message}");
    assert!(help.starts_with("unset this variable"), "{help}");
}

#[test]
fn every_setting_has_a_variable_that_is_read() {
    for (section, key, kind) in keys::settings() {
        let name = keys::variable(section, key);
        // What no setting takes, so that a variable nobody looks at is found out.
        let wrong = if kind == SettingKind::List { "," } else { "\u{1}" };
        let found = load("", &[(&name, wrong)]);
        let is_path = ["rules", "_file"].iter().any(|end| key.ends_with(end));
        match found {
            // Any text is a path.
            Ok(config) if is_path => assert_eq!(config.files[0].place, SettingPlace::Variable(name)),
            Ok(config) if key == "name" => assert_eq!(config.nats.name, wrong),
            Ok(_) => panic!("{name} is not read"),
            Err(mistakes) => {
                assert_eq!(mistakes.in_file, []);
                assert!(mistakes.in_variables.iter().all(|mistake| mistake.variable == name), "{mistakes:?}");
            }
        }
    }
}

#[test]
fn problems_of_file_and_variables_are_reported_together() {
    let text = "[engine]\nworkers = -1\n";
    let mistakes = load(text, &[("REKINDLE_ENGINE_PARTITIONS", "many"), ("REKINDLE_OUTPUT_LINGER", "1h")]).unwrap_err();
    assert_eq!(mistakes.in_file.len(), 1);
    let said: Vec<_> = mistakes.in_variables.iter().map(|it| (it.variable.as_str(), it.message.as_str())).collect();
    let expected = [
        ("REKINDLE_ENGINE_PARTITIONS", "`partitions` must be a whole number, but this is a string"),
        ("REKINDLE_OUTPUT_LINGER", "`linger` must be between 0s and 1s"),
    ];
    assert_eq!(said, expected);
}

#[test]
fn a_variable_that_no_setting_has_is_refused_with_the_nearest() {
    let found = variable_mistakes("", &[("REKINDLE_ENGINE_WORKER", "2"), ("REKINDLE_NATS_TLS", "yes")]);
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].2, "did you mean `REKINDLE_ENGINE_WORKERS`?");
    assert_eq!(found[1].0, "REKINDLE_NATS_TLS");
}

#[test]
fn a_variable_beside_a_section_that_is_no_table_does_not_hide_it() {
    let mistakes = load("nats = 3", &[("REKINDLE_NATS_NAME", "x"), ("REKINDLE_NATS_TOKEN", "t")]).unwrap_err();
    assert_eq!((mistakes.in_file.len(), mistakes.in_variables.len()), (1, 0));
}

#[test]
fn secrets_come_from_variables_and_are_never_shown() {
    let secret = |text: &str| Secret::Environment(text.to_owned());
    let auth = |text: &str, variables: &[(&str, &str)]| load(text, variables).unwrap().nats.auth;
    let user = NatsAuth::User { user: "u".to_owned(), password: secret("hunter2") };
    assert_eq!(auth("[nats]\nuser = 'u'", &[("REKINDLE_NATS_PASSWORD", "hunter2")]), user);
    assert_eq!(auth("[nats]\nuser = 'u'\npassword_file = 'p'", &[("REKINDLE_NATS_PASSWORD", "hunter2")]), user);
    assert_eq!(auth("", &[("REKINDLE_NATS_TOKEN", "t")]), NatsAuth::Token(secret("t")));
    assert_eq!(auth("", &[("REKINDLE_NATS_NKEY", "SU")]), NatsAuth::Nkey(secret("SU")));
    let open = [("REKINDLE_HTTP_LISTEN", "0.0.0.0:80"), ("REKINDLE_HTTP_TOKEN", "hunter2-hunter2-")];
    let config = load("[nats]\nuser = 'u'", &[open[0], open[1], ("REKINDLE_NATS_PASSWORD", "hunter2")]).unwrap();
    assert_eq!(config.http.token, Some(secret("hunter2-hunter2-")));
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn secrets_that_contradict_each_other_are_refused() {
    let found = variable_mistakes("", &[("REKINDLE_NATS_TOKEN", "t"), ("REKINDLE_NATS_NKEY", "SU")]);
    assert_eq!(found[0].1, "there is more than one way to say who connects");
    let found = variable_mistakes("", &[("REKINDLE_NATS_TOKEN", "t"), ("REKINDLE_NATS_TOKEN_FILE", "/t")]);
    assert_eq!(found[0].1, "this secret is given twice");
    let found = variable_mistakes("", &[("REKINDLE_NATS_PASSWORD", "p")]);
    assert_eq!(found[0].1, "there is a password, and no user");
    let found = variable_mistakes("", &[("REKINDLE_HTTP_TOKEN", " ")]);
    assert_eq!(found.iter().map(|it| it.1.as_str()).collect::<Vec<_>>(), ["this secret is empty"]);
    let found = variable_mistakes("", &[("REKINDLE_HTTP_TOKEN", "hunter2")]);
    assert_eq!(found[0].1, "this token is shorter than 16 characters: it could be found by trying");
}

#[cfg(unix)]
#[test]
fn a_value_that_is_no_text_is_refused() {
    use std::os::unix::ffi::OsStringExt as _;

    let variables = [(OsString::from("REKINDLE_NATS_TOKEN"), OsString::from_vec(vec![0xff]))];
    let mistakes = Settings::load("", Path::new(""), variables).unwrap_err();
    assert_eq!(mistakes.in_variables[0].message, "the value of this variable is not UTF-8 text");
}
