use std::fs;

use clap::FromArgMatches as _;
use rekindle_core::rules;
use strum::IntoEnumIterator as _;

use super::*;

fn args(line: &[&str]) -> InitArgs {
    let command = InitArgs::augment_args(clap::Command::new("init"));
    let matches = command.try_get_matches_from([&["init"], line].concat()).expect("options");
    InitArgs::from_arg_matches(&matches).expect("options")
}

fn render(line: &[&str]) -> (ShopChoices, ShopSecrets, Vec<files::ShopFile>) {
    let choices = choose(&args(line), &mut Questionnaire { terminal: None }).expect("defaults");
    let secrets = secrets().expect("random");
    let files = files::render(&choices, &secrets);
    (choices, secrets, files)
}

#[test]
fn every_choice_gives_sound_files_that_have_what_was_said() {
    for sdk in WebsiteSdk::iter().map(|sdk| sdk.to_string()) {
        for deliver in ["none", "webhook:https://shop.example/hooks", "webhook:http://127.0.0.1:9000/"] {
            let line = ["--name", "Tea & Kettles", "--currency", "chf", "--time-zone", "Europe/Zurich", "--sdk", &sdk];
            let line =
                [&line[..], &["--deliver", deliver, "--cart-after", "1m", "--collect-url", "https://c.example/"]];
            let (_, secrets, files) = render(&line.concat());
            let text = |name: &str| files.iter().find(|file| file.name == name).map(|file| file.text.clone());
            let settings = Settings::load(&text(SETTINGS).expect("settings"), Path::new("/shop"), []).expect("sound");
            assert_eq!(settings.collect.keys["web"].sha256, [secrets.sha256.as_str()]);
            assert!(settings.collect.enabled && settings.source.create && settings.output.create);
            assert_eq!(settings.output.cloudevents_source, "/tea-kettles");
            assert_eq!(settings.deliver.len(), usize::from(deliver != "none"));
            assert_eq!(settings.deliver.iter().any(|to| to.allow_private), deliver.contains("127.0.0.1"));
            assert_eq!(text(WEBHOOK_SECRET).is_some(), deliver != "none");
            let rules = text("rules.toml").expect("rules");
            assert_eq!(rules::compile(&rules).err(), None, "{rules}");
            assert!(rules.contains("timezone = \"Europe/Zurich\"") && rules.contains("CHF") && rules.contains("'1m'"));
            assert!(rules.contains("[growth]\ncurrency = \"CHF\""), "{rules}");
            let snippet = text(SNIPPET).expect("a snippet");
            assert!(snippet.contains(&secrets.key) && snippet.contains("c.example"), "{snippet}");
            let left = files.iter().find(|file| file.text.contains("{{"));
            assert!(left.is_none(), "{}", left.map_or("", |file| &file.text));
        }
    }
}

#[test]
fn files_that_are_there_stay_unless_forced() {
    let folder = tempfile::tempdir().expect("a folder");
    let shop = folder.path().join("deep/shop");
    let (.., files) = render(&["--deliver", "webhook:https://shop.example/"]);
    files::write(&shop, &files, false).expect("written");
    fs::write(shop.join("rules.toml"), "mine").expect("written");
    let refused = files::write(&shop, &files, false).expect_err("they are there").to_string();
    assert!(refused.contains("rules.toml, ") && refused.contains("--force"), "{refused}");
    assert_eq!(fs::read_to_string(shop.join("rules.toml")).expect("it is there"), "mine");
    files::write(&shop, &files, true).expect("replaced");
    assert_ne!(fs::read_to_string(shop.join("rules.toml")).expect("it is there"), "mine");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = shop.join(WEBHOOK_SECRET).metadata().expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn one_file_that_is_there_keeps_all_from_being_written() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join(SNIPPET), "mine").expect("written");
    let (.., files) = render(&[]);
    assert!(matches!(files::write(folder.path(), &files, false), Err(InitError::Exists(paths)) if paths.len() == 1));
    assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 1);
}

#[test]
fn five_questions_are_asked_and_options_answer_them() {
    assert_eq!(args(&[]).missing().len(), 5);
    assert_eq!(args(&["--currency", "EUR", "--sdk", "none"]).missing(), ["--time-zone", "--cart-after", "--deliver"]);
    let mut prompts = Vec::new();
    let mut answers = "usd\nAmerica/New_York\n45m\nposthog\nwebhook:https://x.example/\n".as_bytes();
    let terminal = Some(TerminalDialogue { answers: &mut answers, prompts: &mut prompts });
    let choices = choose(&args(&["--dir", "a/my-shop"]), &mut Questionnaire { terminal }).expect("answered");
    let expected = ShopChoices {
        name: "my-shop".to_owned(),
        currency: "USD".to_owned(),
        time_zone: "America/New_York".to_owned(),
        cart_after: "45m".to_owned(),
        sdk: WebsiteSdk::PostHog,
        deliver: WebhookChoice::Address("https://x.example/".to_owned()),
        collect_url: "http://127.0.0.1:9465".to_owned(),
    };
    assert_eq!(choices, expected);
    assert_eq!(String::from_utf8(prompts).expect("text").matches('?').count(), 5);
}
