//! What the documents say is what the program does.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rekindle_core::rules;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn readme() -> String {
    shipped("README.md")
}

/// The fenced blocks of a language in a document.
fn blocks(document: &str, language: &str) -> Vec<String> {
    let document = shipped(document);
    let fenced = document.split("```").skip(1).step_by(2);
    fenced.filter_map(|block| block.strip_prefix(&format!("{language}\n"))).map(str::to_owned).collect()
}

fn rekindle(args: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_rekindle")).args(args).output().expect("the binary runs");
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

fn toml_files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("readable").path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "toml")).collect()
}

#[test]
fn every_rules_file_that_is_shipped_compiles() {
    let mut files = toml_files("config/examples");
    assert!(files.len() >= 5, "only {} examples", files.len());
    files.push(root().join("config/rules.toml"));
    for file in files {
        let text = fs::read_to_string(&file).expect("readable");
        let problems = rules::compile(&text).err().unwrap_or_default();
        assert!(problems.is_empty(), "{}: {problems:?}", file.display());
    }
}

#[test]
fn the_shipped_settings_and_the_rules_they_name_are_sound() {
    let config = root().join("config/rekindle.toml");
    let (sound, said) = rekindle(&["check", "--config", config.to_str().expect("UTF-8")]);
    assert!(sound, "{said}");
}

#[test]
fn the_rules_of_the_readme_and_of_the_growth_page_compile() {
    let (readme, growth) = (blocks("README.md", "toml"), blocks("docs/growth.md", "toml"));
    assert!(!readme.is_empty() && !growth.is_empty(), "a page shows no rules");
    let blocks = [readme, growth].concat();
    // Each is added at the end of the file that the first begins.
    let mut file = String::new();
    for block in blocks {
        file += &block;
        assert_eq!(rules::compile(&file).err(), None, "in\n{file}");
    }
}

#[test]
fn the_readme_shows_the_output_of_check() {
    let folder = tempfile::tempdir().expect("a folder");
    let wrong = blocks("README.md", "toml")[0].replace("total(order) >= 3", "totl(order) >= 3");
    fs::write(folder.path().join("first.toml"), wrong).expect("written");
    let output = Command::new(env!("CARGO_BIN_EXE_rekindle"))
        .args(["check", "--rules", "first.toml"])
        .current_dir(folder.path())
        .output()
        .expect("the binary runs");
    let said = String::from_utf8(output.stdout).expect("text");
    assert!(!output.status.success());
    assert!(
        blocks("README.md", "text").iter().any(|block| block.trim() == said.trim()),
        "the README does not show\n{said}"
    );
}

#[test]
fn every_command_is_in_the_readme_and_in_help() {
    let (_, help) = rekindle(&["--help"]);
    let readme = readme();
    for command in ["run", "demo", "replay", "simulate", "check", "checkpoint", "rules", "schema", "completions"] {
        assert!(readme.contains(&format!("| `rekindle {command}` |")), "`{command}` is not in the README");
        assert!(help.lines().any(|line| line.trim_start().starts_with(command)), "`{command}` is not in --help");
        let (known, long_help) = rekindle(&[command, "--help"]);
        assert!(known && long_help.lines().count() > 5, "{command} --help says little: {long_help}");
    }
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    for command in listed.filter_map(|line| line.split_whitespace().next()).filter(|command| *command != "help") {
        assert!(readme.contains(&format!("| `rekindle {command}` |")), "`{command}` is not in the README");
    }
}

#[test]
fn rules_prints_the_reference() {
    let (printed, text) = rekindle(&["rules"]);
    assert!(printed);
    assert_eq!(text, format!("{}\n{}", shipped("docs/rules.md"), shipped("docs/cookbook.md")));
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let (printed, script) = rekindle(&["completions", shell]);
        assert!(printed && script.contains("replay") && script.contains("max-disorder"), "{shell}: {script}");
    }
}

#[test]
fn where_there_is_real_data_ci_skips_no_test_of_it() {
    let ci = shipped(".ci/run");
    assert!(ci.contains("if [ -d ../shared/data ]; then\n    export REKINDLE_DATA_REQUIRED=1\n"), "{ci}");
}

#[test]
fn the_readmes_test_command_is_the_one_that_ci_runs() {
    let tests: Vec<_> = readme().lines().filter(|line| line.starts_with("cargo test")).map(str::to_owned).collect();
    assert_eq!(tests.len(), 1, "the README must name exactly one test command: {tests:?}");
    let ci = fs::read_to_string(root().join(".ci/run")).expect(".ci/run is there");
    assert!(ci.contains("README.md"), ".ci/run does not take the test command from the README");
}

/// The schema that `rekindle schema` prints, ready to hold files against.
fn schema(of: &str) -> jsonschema::Validator {
    let (printed, text) = rekindle(&["schema", of]);
    assert!(printed, "{text}");
    jsonschema::draft7::new(&serde_json::from_str(&text).expect("the schema is JSON")).expect("the schema is one")
}

#[test]
fn every_file_that_is_shipped_or_tested_fits_its_schema() {
    let cases = fs::read_dir(root().join("tests/conformance")).expect("the folder is there");
    let cases = cases.map(|case| case.expect("readable").path().join("rules.toml")).filter(|path| path.exists());
    let mut rules: Vec<PathBuf> = cases.chain(toml_files("config/examples")).collect();
    rules.push(root().join("config/rules.toml"));
    assert!(rules.len() > 25, "only {} files of rules", rules.len());
    let files = rules.into_iter().map(|path| ("rules", path));
    let (of_rules, of_config) = (schema("rules"), schema("config"));
    let settings = ["config/rekindle.toml", "config/production.toml", "config/kubernetes/rekindle.toml"];
    for (of, path) in files.chain(settings.map(|path| ("config", root().join(path)))) {
        let text = fs::read_to_string(&path).expect("readable");
        let value: serde_json::Value = toml::from_str(&text).expect("TOML");
        let schema = if of == "rules" { &of_rules } else { &of_config };
        let problems: Vec<_> = schema.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(problems.is_empty(), "{}: {problems:?}", path.display());
    }
}

/// A file of the repository.
fn shipped(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn every_variable_that_is_named_anywhere_is_a_setting() {
    let pattern = regex::Regex::new(r"\bREKINDLE_[A-Z_]+[A-Z]\b").expect("a pattern");
    let mut named = 0;
    let configs =
        ["rekindle.toml", "rekindle.service", "Dockerfile", "kubernetes/checkpoints-in-s3/kustomization.yaml"];
    let configs = configs.map(|name| format!("config/{name}"));
    for path in ["docs/operations.md", "dashboards/docker-compose.yml"].map(str::to_owned).into_iter().chain(configs) {
        let text = shipped(&path);
        let found = pattern.find_iter(&text).map(|found| found.as_str());
        // Those are names of streams.
        for variable in found.filter(|name| !["REKINDLE_DEAD", "REKINDLE_UNDELIVERED"].contains(name)) {
            named += 1;
            let mut command = Command::new(env!("CARGO_BIN_EXE_rekindle"));
            command.args(["check", "--config", "config/rekindle.toml"]).current_dir(root()).env(variable, "");
            let said = String::from_utf8(command.output().expect("the binary runs").stdout).expect("text");
            assert!(!said.contains("no setting has this variable"), "{path} names {variable}: {said}");
        }
    }
    assert!(named >= 10, "only {named} are named");
}

/// The code of all crates, each string literal in one line.
fn sources() -> String {
    let mut folders = vec![root().join("src")];
    let mut sources = String::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("readable") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                sources += &fs::read_to_string(path).expect("readable");
            }
        }
    }
    regex::Regex::new(r"\\\n\s*").expect("a pattern").replace_all(&sources, "").into_owned()
}

#[test]
fn every_message_that_the_troubleshooting_table_quotes_is_in_the_code() {
    let (operations, sources) = (shipped("docs/operations.md"), sources());
    let table = operations.split("\n## Troubleshooting\n").nth(1).and_then(|rest| rest.split("\n## ").next());
    let quoted = table.expect("the section").lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let mut messages = 0;
    for message in quoted {
        messages += 1;
        for part in message.split('…').map(str::trim).filter(|part| part.len() > 2) {
            assert!(sources.contains(part), "no message contains `{part}`, of `{message}` in docs/operations.md");
        }
    }
    assert!(messages >= 10, "only {messages} messages");
}

#[test]
fn commands_are_measured_in_turns_and_compared_within_a_round() {
    let mut turns = Command::new("python3");
    turns.args([
        "loadtest/w1/turns.py",
        "--events",
        "1000",
        "--rounds",
        "3",
        "one=true",
        "two=printf x",
        "one more=true",
    ]);
    let done = turns.current_dir(root()).output().expect("Python runs");
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
    let order: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("round ")).collect();
    assert_eq!(order.len(), 9, "{said}");
    assert!(
        order
            .iter()
            .zip(["one ", "two ", "one more "].into_iter().cycle())
            .all(|(line, name)| line[3..].starts_with(name)),
        "{said}"
    );
    assert!(said.lines().any(|line| line.starts_with("| one |") && line.ends_with("| 1.00 (1.00, 1.00) |")), "{said}");
    let failing = Command::new("python3")
        .args(["loadtest/w1/turns.py", "--events", "1", "no=exit 3"])
        .current_dir(root())
        .output();
    assert_eq!(failing.expect("Python runs").status.code(), Some(1), "what fails is no measurement");
}
