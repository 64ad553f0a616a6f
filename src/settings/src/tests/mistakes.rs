//! Wrong files: the mistakes, their places and the help.

use rstest::rstest;

use super::{load, mistakes, only_mistake};

#[test]
fn every_problem_is_reported_at_its_place() {
    let text = "[engine]\npartitions = 0\nworkers = 'two'\nmax_disorder = '2d'\nclock = 'event'\nrule = 'x'\n\
                max_event_bytes = 10\n[http]\nlisten = 'localhost'\n[htp]\n[source]\nbatch = 0\nkind = 3\n\
                [output]\ncreate = 'yes'\n[nats.tls]\ncert_file = 'c'\n[shutdown]\ndeadline = '1ms'\n[log]\nlevel = 'loud'\n";
    let expected = [
        ("`partitions` must be between 1 and 4096", "0"),
        ("`workers` must be a whole number, but this is a string", "'two'"),
        ("`max_disorder` must be between 0s and 1d", "'2d'"),
        ("`clock` must be one of `log`, `events`", "'event'"),
        ("unknown key `rule` in [engine]", "rule"),
        ("`max_event_bytes` must be between 1024 and 67108864", "10"),
        ("this is not an address to listen on", "'localhost'"),
        ("unknown key `htp` in the settings", "htp"),
        ("`batch` must be between 1 and 50000", "0"),
        ("`kind` must be a string, but this is a whole number", "3"),
        ("`create` must be true or false, but this is a string", "'yes'"),
        ("`cert_file` is of no use without `key_file`", "'c'"),
        ("`deadline` must be between 1s and 10m", "'1ms'"),
        ("`loud` is not a level", "'loud'"),
    ];
    assert_eq!(mistakes(text), expected.map(|(message, span)| (message.to_owned(), span.to_owned())));
}

#[rstest]
#[case::misspelt_key("[engine]\npartition = 8", "unknown key `partition` in [engine]", "partition", "`partitions`?")]
#[case::misspelt_choice("[log]\nformat = 'jsn'", "`format` must be one of `auto`, `human`, `json`", "'jsn'", "`json`?")]
#[case::no_table("nats = 3", "`nats` must be a table, but this is a whole number", "3", "")]
#[case::no_servers("[nats]\nservers = []", "`servers` must have at least one", "[]", "nats://host:port")]
#[case::servers_no_list(
    "[nats]\nservers = 'nats://a'",
    "`servers` must be a list of strings in [ ], but this is a string",
    "'nats://a'",
    ""
)]
#[case::server_scheme(
    "[nats]\nservers = ['http://a']",
    "this is not the address of a NATS server",
    "'http://a'",
    "tls://"
)]
#[case::server_port("[nats]\nservers = ['nats://a:0']", "this is not the address of a NATS server", "'nats://a:0'", "")]
#[case::server_path("[nats]\nservers = ['nats://a/b']", "this is not the address of a NATS server", "'nats://a/b'", "")]
#[case::server_nowhere("[nats]\nservers = ['nats://']", "this is not the address of a NATS server", "'nats://'", "")]
#[case::server_v6(
    "[nats]\nservers = ['nats://[::g]:1']",
    "this is not the address of a NATS server",
    "'nats://[::g]:1'",
    ""
)]
#[case::server_credentials(
    "[nats]\nservers = ['nats://me:hunter2@a:4222']",
    "this address has credentials in it",
    "'nats://me:hunter2@a:4222'",
    "password_file"
)]
#[case::password(
    "[nats]\npassword = 'hunter2'",
    "secrets don't stand in this file",
    "password",
    "REKINDLE_NATS_PASSWORD"
)]
#[case::http_token("[http]\ntoken = 'hunter2'", "secrets don't stand in this file", "token", "token_file = \"…\"")]
#[case::http_read_token_alone(
    "[http]\nread_token_file = 't'",
    "a token for reading keeps nobody out, as long as there is no token for changes",
    "'t'",
    "token_file = \"…\""
)]
#[case::no_password("[nats]\nuser = 'u'", "there is a user, and no password", "'u'", "REKINDLE_NATS_PASSWORD")]
#[case::no_user("[nats]\npassword_file = 'p'", "there is a password, and no user", "'p'", "user = ")]
#[case::two_ways(
    "[nats]\ntoken_file = 't'\nnkey_file = 'n'",
    "there is more than one way to say who connects",
    "'n'",
    "keep one"
)]
#[case::key_alone("[nats.tls]\nkey_file = 'k'", "`key_file` is of no use without `cert_file`", "'k'", "add cert_file")]
#[case::empty_path("[engine]\nrules = ''", "this path is empty", "''", "rules = ")]
#[case::empty_name("[nats]\nname = ' '", "`name` is empty", "' '", "")]
#[case::no_subjects("[source]\nsubjects = []", "`subjects` must have at least one", "[]", "events.>")]
#[case::subject(
    "[source]\nsubjects = ['a', 'b..c']",
    "`b..c` has nothing before, between or behind its dots",
    "'b..c'",
    ""
)]
#[case::subject_no_text(
    "[source]\nsubjects = [1]",
    "each of `subjects` must be a string, but this is a whole number",
    "1",
    ""
)]
#[case::audit_wild("[source]\naudit_subject = 'f.>'", "`f.>` has a wildcard, and must be one subject", "'f.>'", "")]
#[case::forget_wild("[source]\nforget_subject = 'f.>'", "`f.>` has a wildcard, and must be one subject", "'f.>'", "")]
#[case::max_future(
    "[engine]\nmax_future = '5m'",
    "`max_future` is gone: where there is a broker's time, no event's time is beyond it",
    "max_future",
    "take it out"
)]
#[case::state_ttl_short(
    "[engine]\nstate_ttl = '59m'",
    "`state_ttl` must be 0s, which is never, or at least 1h",
    "'59m'",
    ""
)]
#[case::state_ttl_long("[engine]\nstate_ttl = '36526d'", "`state_ttl` must be between 0s and 36525d", "'36526d'", "")]
#[case::tick_wild("[source]\ntick_subject = 't.*'", "`t.*` has a wildcard, and must be one subject", "'t.*'", "")]
#[case::tick_interval("[source]\ntick_interval = '1ms'", "`tick_interval` must be between 50ms and 10s", "'1ms'", "")]
#[case::start_word("[source]\nstart = 'last'", "this is no place to begin at", "'last'", "\"first\", \"new\"")]
#[case::start_zero("[source]\nstart = 0", "`start` must be between 1 and 9223372036854775807", "0", "")]
#[case::start_date("[source]\nstart = 2026-03-09", "this is no place to begin at", "2026-03-09", "T00:00:00Z")]
#[case::age("[source]\nmax_age = '5ms'", "`max_age` must be 0s, for good, or at least 1s", "'5ms'", "")]
#[case::stream_name(
    "[source]\nstream = 'my.events'",
    "`my.events` has a blank or one of . * > / \\ in it",
    "'my.events'",
    ""
)]
#[case::no_stream(
    "[source]\nkind = 'nats'\nstart = 'new'",
    "`start` is of a stream, and kind = \"nats\" has none",
    "'new'",
    ""
)]
#[case::prefix("[output]\nprefix = 'a.>'", "`a.>` has a wildcard, and must be one subject", "'a.>'", "")]
#[case::prefix_system("[output]\nprefix = '$SYS.x'", "`$SYS.x` begins like the server's own subjects", "'$SYS.x'", "")]
#[case::source(
    "[output]\ncloudevents_source = 'my shop'",
    "`my shop` has a character that no URI has",
    "'my shop'",
    "\"/rekindle\""
)]
#[case::no_source("[output]\ncloudevents_source = ''", "`` is empty", "''", "")]
#[case::no_streams(
    "[output]\ncreate = true\njetstream = false",
    "there are no streams to create with jetstream = false",
    "true",
    ""
)]
#[case::open_to_all(
    "[http]\nlisten = '0.0.0.0:80'",
    "other machines reach this address, and there is no token to keep the API from them",
    "'0.0.0.0:80'",
    "REKINDLE_HTTP_TOKEN"
)]
#[case::store(
    "[checkpoint]\nstore = 'gs://b'",
    "`gs://b` is neither a folder nor s3://bucket/prefix",
    "'gs://b'",
    "folder"
)]
#[case::interval("[checkpoint]\ninterval = '2h'", "`interval` must be between 1s and 1h", "'2h'", "")]
#[case::s3_of_a_folder(
    "[checkpoint]\ns3_region = 'x'",
    "`s3_region` is of a store like s3://bucket/prefix, and this one is none",
    "'x'",
    "take it out"
)]
#[case::s3_plain(
    "[checkpoint]\nstore = 's3://b'\ns3_endpoint = 'http://h'",
    "this endpoint is without encryption",
    "'http://h'",
    "s3_allow_http"
)]
#[case::s3_no_secret(
    "[checkpoint]\nstore = 's3://b'\ns3_access_key_id = 'i'",
    "there is an access key's id, and no secret",
    "'i'",
    "REKINDLE_CHECKPOINT_S3_SECRET_ACCESS_KEY"
)]
#[case::s3_no_id(
    "[checkpoint]\nstore = 's3://b'\ns3_secret_access_key_file = 'f'",
    "there is a secret access key, and no id",
    "'f'",
    "s3_access_key_id"
)]
#[case::s3_secret(
    "[checkpoint]\ns3_secret_access_key = 'hunter2'",
    "secrets don't stand in this file",
    "s3_secret_access_key",
    ""
)]
#[case::two_levels("[log]\nlevel = 'info,debug'", "there is more than one general level", "'info,debug'", "")]
#[case::module(
    "[log]\nlevel = 'rekindle_nats::sorce=debug'",
    "there is no module `rekindle_nats::sorce`",
    "'rekindle_nats::sorce=debug'",
    "`rekindle_nats::source`?"
)]
#[case::target("[log]\nlevel = 'a b=info'", "`a b` is nothing that logs", "'a b=info'", "rekindle_nats::source=debug")]
#[case::no_level("[log]\nlevel = ''", "`` is not a level", "''", "`info`")]
#[case::duration(
    "[shutdown]\ndeadline = '10'",
    "this is not a duration: `10` is not a whole number followed by a unit (ms, s, m, h, d, w)",
    "'10'",
    "5s"
)]
fn a_wrong_setting_says_what_and_where(
    #[case] text: &str,
    #[case] message: &str,
    #[case] underlined: &str,
    #[case] help: &str,
) {
    let (found, span, advice) = only_mistake(text);
    assert_eq!((found.as_str(), span.as_str()), (message, underlined));
    assert!(advice.contains(help), "{advice:?} has no {help:?}");
}

#[test]
fn what_is_shown_of_a_wrong_file_holds_no_secret() {
    let text = "[nats]\npassword = 'hunter2'\nservers = ['nats://me:hunter2@a']\nnkey = \"hunter2\"\n[http]\ntoken = hunter2\n";
    let mistakes = load(text, &[("REKINDLE_NATS_TOKEN", "hunter2"), ("REKINDLE_HTTP_TOCKEN", "hunter2")]).unwrap_err();
    assert!(mistakes.count() >= 5, "{mistakes:#?}");
    assert!(!format!("{mistakes:?}").contains("hunter2"), "{mistakes:#?}");
    assert_eq!(mistakes.text.len(), text.len());
}

#[test]
fn broken_toml_is_a_mistake_and_hides_no_other() {
    let text = "[engine]\nworkers = two\npartitions = 0\n[log\nlevel = 'x'\n";
    let found = mistakes(text);
    assert!(found.iter().any(|(message, _)| message.contains("not TOML")), "{found:?}");
    assert!(found.iter().any(|(message, _)| message.contains("`partitions`")), "{found:?}");
}

#[test]
fn no_text_and_no_variable_makes_it_panic() {
    let shipped = include_str!("../../../../config/rekindle.toml").replace("\n#", "\n");
    let ends = (0..shipped.len()).filter(|at| shipped.is_char_boundary(*at)).step_by(61);
    for end in ends {
        let (head, tail) = shipped.split_at(end);
        for text in [head.to_owned(), tail.to_owned(), format!("{head}\u{fffd}{tail}"), format!("{head}\"\"\"{tail}")] {
            let variables = [("REKINDLE_NATS_SERVERS", head), ("REKINDLE_é", tail), ("REKINDLE_HTTP_TOKEN", "é\n")];
            if let Err(mistakes) = load(&text, &variables) {
                assert_eq!(mistakes.text.len(), text.len());
                for mistake in mistakes.in_file {
                    assert!(mistakes.text.get(mistake.span.clone()).is_some(), "{mistake:?}");
                }
            }
        }
    }
}
