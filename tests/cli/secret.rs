//! The secret of draws: `replay --secret-file`, and `[engine] secret_file` in `check`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use assert_cmd::Command;

const SECRET: &str = "correct horse battery staple";

/// A folder with rules that draw on each spin, twenty spins, settings and two secrets.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("written");
    write(
        "rules.toml",
        "[events]\nspin = 'Spin'\n[[campaigns]]\nid = 'prize'\non = 'event:spin'\nchannel = 'push'\nchance = 0.5\n",
    );
    let spin = |number: u32| {
        format!(
            r#"{{"type":"track","event":"Spin","userId":"u","messageId":"m{number}","timestamp":"2026-03-02T10:00:{number:02}Z"}}"#
        ) + "\n"
    };
    write("events.jsonl", &(0..20).map(spin).collect::<String>());
    write("settings.toml", "[engine]\nsecret_file = 'secret'\n");
    write("secret", &format!("{SECRET}\n"));
    write("other", "another one that is long enough");
    for secret in ["secret", "other"] {
        let kept = fs::Permissions::from_mode(0o600);
        fs::set_permissions(folder.path().join(secret), kept).expect("our own file");
    }
    folder
}

/// What a command says on its two outputs, and whether it succeeds.
fn run(folder: &Path, arguments: &[&str]) -> (bool, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_rekindle"))
        .current_dir(folder)
        .args(arguments)
        .env_remove("REKINDLE_ENGINE_SECRET")
        .output()
        .expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.success(), text(output.stdout), text(output.stderr))
}

fn replay(folder: &Path, more: &[&str]) -> (bool, String, String) {
    let usual = ["replay", "--quiet", "--rules", "rules.toml", "--until", "2026-03-03", "events.jsonl"];
    run(folder, &[&usual, more].concat())
}

#[test]
fn draws_go_by_the_secret_and_no_output_shows_it() {
    let folder = folder();
    let (sound, without, _) = replay(folder.path(), &[]);
    assert!(sound && without.contains("no_luck") && without.contains("sent"), "{without}");
    let (sound, with, said) = replay(folder.path(), &["--secret-file", "secret"]);
    assert!(sound && said.is_empty(), "{said}");
    assert_ne!(with, without);
    assert_eq!(replay(folder.path(), &["--config", "settings.toml"]).1, with);
    assert_ne!(replay(folder.path(), &["--config", "settings.toml", "--secret-file", "other"]).1, with);
    assert!(!with.contains(SECRET));
}

#[test]
fn a_secret_file_that_is_missing_is_refused_and_one_that_is_empty_or_open_has_a_warning() {
    let folder = folder();
    let (sound, journal, said) = replay(folder.path(), &["--secret-file", "gone"]);
    assert!(!sound && journal.is_empty() && said.contains("cannot read the secret file gone: "), "{said}");
    fs::write(folder.path().join("secret"), "\n").expect("written");
    let (sound, journal, said) = replay(folder.path(), &["--secret-file", "secret"]);
    assert!(sound && said.contains("warning: the secret file secret is empty"), "{said}");
    assert_eq!(journal, replay(folder.path(), &[]).1, "as without one");
    fs::write(folder.path().join("secret"), SECRET).expect("written");
    let open = fs::Permissions::from_mode(0o644);
    fs::set_permissions(folder.path().join("secret"), open).expect("our own file");
    let (sound, _, said) = replay(folder.path(), &["--secret-file", "secret"]);
    assert!(sound && said.contains("is readable by everybody") && !said.contains(SECRET), "{said}");
    let (sound, said, _) = run(folder.path(), &["check", "--config", "settings.toml"]);
    assert!(sound && said.contains("note: the secret file") && said.contains("is readable by everybody"), "{said}");
}

#[test]
fn a_replay_does_not_continue_with_another_secret() {
    let folder = folder();
    let kept = ["--checkpoint", "progress", "--output", "journal.jsonl"];
    let (sound, _, said) = replay(folder.path(), &[&kept[..], &["--secret-file", "secret"]].concat());
    assert!(sound, "{said}");
    for more in [&["--secret-file", "other"][..], &[]] {
        let (sound, _, said) = replay(folder.path(), &[&kept, more].concat());
        assert!(!sound && said.contains("the progress of a replay with other --secret-file"), "{said}");
    }
    let files = fs::read_dir(folder.path().join("progress")).expect("a folder");
    for file in files {
        let bytes = fs::read(file.expect("a file").path()).expect("our own file");
        assert!(!bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes()));
    }
}
