//! `rekindle check --config`: the file, the environment, and the files that both name.

use std::fs;
use std::path::Path;

use assert_cmd::Command;

/// What `check` says of `settings.toml` in this folder, with these variables; and whether it found it sound.
fn check(folder: &Path, variables: &[(&str, &str)]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rekindle"));
    command.current_dir(folder).args(["check", "--config", "settings.toml"]).envs(variables.iter().copied());
    let output = command.output().expect("the binary runs");
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    (output.status.success(), String::from_utf8(output.stdout).expect("text"))
}

/// A folder with settings and empty rules.
fn folder(settings: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("settings.toml"), settings).expect("written");
    fs::write(folder.path().join("rules.toml"), "").expect("written");
    folder
}

#[test]
fn mistakes_of_file_and_environment_are_shown_together() {
    let folder = folder("[engine]\nworkers = -1\n[source]\nbatch = 0\n");
    let variables = [("REKINDLE_ENGINE_PARTITIONS", "many"), ("REKINDLE_HTTP_LISTN", "x")];
    let (sound, said) = check(folder.path(), &variables);
    assert!(!sound);
    for part in [
        "settings.toml:2:11: `workers` must be between 0 and 1024",
        "settings.toml:4:9: `batch` must be between 1 and 50000",
        "REKINDLE_ENGINE_PARTITIONS: `partitions` must be a whole number, but this is a string",
        "REKINDLE_HTTP_LISTN: no setting has this variable\n  help: did you mean `REKINDLE_HTTP_LISTEN`?",
    ] {
        assert!(said.contains(part), "{part:?} is not said in\n{said}");
    }
    assert!(said.ends_with("settings.toml: 4 problems\n"), "{said}");
}

/// A pod whose service is named `rekindle` has them.
#[test]
fn variables_of_kubernetes_are_noted_and_no_mistake() {
    let folder = folder("");
    let all = [
        ("REKINDLE_SERVICE_HOST", "10.0.0.1"),
        ("REKINDLE_PORT", "tcp://10.0.0.1:80"),
        ("REKINDLE_SERVICE_PORT", "80"),
    ];
    let (sound, said) = check(folder.path(), &all);
    let note = "note: REKINDLE_PORT and 2 other variables are Kubernetes' own and no settings: ignored";
    assert!(sound && said.contains(note) && said.contains("settings.toml: ok"), "{said}");
    let (sound, said) = check(folder.path(), &all[..1]);
    assert!(sound && said.contains("note: REKINDLE_SERVICE_HOST is Kubernetes' own and no setting: ignored"), "{said}");
    assert!(!check(folder.path(), &[]).1.contains("Kubernetes"));
}

#[test]
fn a_variable_can_mend_the_file() {
    let folder = folder("[http]\nlisten = \"0.0.0.0:9464\"\n");
    let (sound, said) = check(folder.path(), &[]);
    assert!(!sound && said.contains("settings.toml:2:10: other machines reach this address"), "{said}");
    let (sound, said) = check(folder.path(), &[("REKINDLE_HTTP_TOKEN", "hunter2-hunter2-hunter2")]);
    assert!(sound, "{said}");
}

/// A token of six characters was content enough, and one with a blank in it was one that nobody could show.
#[test]
fn a_token_that_is_too_short_or_not_sendable_is_a_mistake_in_file_and_environment() {
    for (token, why) in [
        ("hunter2", "is shorter than 16 characters"),
        ("hunter2-hunter2", "is shorter than 16 characters"),
        ("hunter2-hunter2 hunter2-hunter2", "has blanks or other characters"),
        ("hunter2-hunter2-hünter2", "has blanks or other characters"),
    ] {
        let folder = folder("");
        let (sound, said) = check(folder.path(), &[("REKINDLE_HTTP_TOKEN", token)]);
        assert!(!sound && said.contains(&format!("REKINDLE_HTTP_TOKEN: this token {why}")), "{said}");
        assert!(!said.contains("hunter2") && said.contains("help: take a long random one"), "{said}");
        let folder = self::folder("[http]\ntoken_file = \"token\"\n");
        fs::write(folder.path().join("token"), format!("{token}\n")).expect("written");
        let (sound, said) = check(folder.path(), &[]);
        assert!(!sound && said.contains("settings.toml:2:14: the token in ") && said.contains(why), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    let folder = folder("[http]\ntoken_file = \"token\"\n");
    fs::write(folder.path().join("token"), " hunter2-hunter2-hunter2 \n").expect("written");
    let (sound, said) = check(folder.path(), &[]);
    assert!(sound, "blanks around it don't count: {said}");
}

#[test]
fn credentials_in_addresses_are_not_shown() {
    for (file, variable, said_of_it) in [
        ("[checkpoint]\nstore = \"s3://key:hunter2@bucket/p\"\n", None, "`s3://***@bucket/p` names no bucket"),
        (
            "[checkpoint]\nstore = \"s3://b\"\ns3_endpoint = \"https://u:hun@ter2hunter2@h\"\n",
            None,
            "`https://***@h` has",
        ),
        ("", Some(("REKINDLE_CHECKPOINT_STORE", "https://u:hunter2@h")), "`https://***@h` is neither"),
        ("", Some(("REKINDLE_CHECKPOINT_S3_ENDPOINT", "u:hunter2@h:9000")), "`***@h:9000` is not the address"),
    ] {
        let folder = folder(file);
        let (sound, said) = check(folder.path(), variable.as_slice());
        assert!(!sound && said.contains(said_of_it), "{said}");
        assert!(!said.contains("hunter2") && !said.contains("ter2"), "{said}");
    }
}

#[test]
fn files_that_are_named_and_missing_are_problems_where_they_are_named() {
    let folder = folder("[nats]\ncreds_file = \"nats.creds\"\n[nats.tls]\nca_file = \"folder\"\n");
    fs::create_dir(folder.path().join("folder")).expect("made");
    let (sound, said) = check(folder.path(), &[("REKINDLE_HTTP_TOKEN_FILE", "token")]);
    assert!(!sound);
    for part in [
        "settings.toml: ok",
        "settings.toml:2:14: cannot read the credentials file nats.creds: No such file",
        "settings.toml:4:11: cannot read the authorities' certificates folder: Is a directory",
        "REKINDLE_HTTP_TOKEN_FILE: cannot read the file with the API's token token: No such file",
        "settings.toml: 3 problems",
        "rules.toml: ok",
    ] {
        assert!(said.contains(part) == (part != "settings.toml: ok"), "{part:?} in\n{said}");
    }
    fs::remove_dir(folder.path().join("folder")).expect("removed");
    for name in ["nats.creds", "folder", "token"] {
        fs::write(folder.path().join(name), "x".repeat(16)).expect("written");
    }
    let (sound, said) = check(folder.path(), &[("REKINDLE_HTTP_TOKEN_FILE", "token")]);
    assert!(sound && said.starts_with("settings.toml: ok\n"), "{said}");
}

#[test]
fn rules_that_a_variable_names_are_checked() {
    let folder = folder("");
    fs::write(folder.path().join("other.toml"), "[[segments]]\nid = 's'\n").expect("written");
    let (sound, said) = check(folder.path(), &[("REKINDLE_ENGINE_RULES", "other.toml")]);
    assert!(!sound && said.contains("other.toml:1:1: segment `s` has no `when`"), "{said}");
}

#[test]
fn no_secret_is_shown_beside_a_mistake() {
    let folder = folder("[nats]\nuser = \"u\"\npassword = \"hunter2\"\nservers = [\"nats://u:hunter2@h\"]\n");
    let (sound, said) =
        check(folder.path(), &[("REKINDLE_NATS_TOKEN", "hunter2"), ("REKINDLE_NATS_TOKENN", "hunter2")]);
    assert!(!sound && said.contains("secrets don't stand in this file"), "{said}");
    assert!(said.contains("password = *********") && !said.contains("hunter2"), "{said}");
}
