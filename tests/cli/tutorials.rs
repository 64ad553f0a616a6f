//! The tutorials of docs/, followed literally: each command is run as it stands, and what a page shows below it is what it prints.

use std::fs;
use std::path::Path;
use std::process::Command;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The fenced blocks of a page: the language, and the text.
fn blocks(page: &str) -> Vec<(String, String)> {
    let text = fs::read_to_string(root().join(page)).expect("the page is there");
    let fenced = text.split("```").skip(1).step_by(2);
    fenced.filter_map(|block| block.split_once('\n')).map(|(of, text)| (of.to_owned(), text.to_owned())).collect()
}

/// Runs a block as a reader does who has the repository's folder before them.
fn run(block: &str, folder: &Path) -> String {
    let binaries = Path::new(env!("CARGO_BIN_EXE_rekindle")).parent().expect("a folder").display().to_string();
    let path = format!("{binaries}:{}", std::env::var("PATH").expect("a path"));
    let done = Command::new("sh").args(["-ec", block]).current_dir(folder).env("PATH", path).output().expect("it runs");
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{block}\n{said}{}", String::from_utf8_lossy(&done.stderr));
    said
}

fn follow(page: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    std::os::unix::fs::symlink(root().join("config"), folder.path().join("config")).expect("the rules are there");
    let (mut said, mut commands, mut shown) = (String::new(), 0, 0);
    for (of, text) in blocks(page) {
        match of.as_str() {
            "sh" => {
                said = run(&text, folder.path());
                commands += 1;
            }
            "text" => {
                // Some lines are left out; those that are shown are there, in their order.
                let mut printed = said.lines();
                for line in text.lines() {
                    let is_there = printed.any(|printed| printed.trim_end() == line);
                    assert!(is_there, "{page} shows, in this order,\n{text}\nbut `{line}` is not in\n{said}");
                    shown += 1;
                }
            }
            _ => {}
        }
    }
    assert!(commands >= 3 && shown >= 5, "{page}: {commands} commands, {shown} lines");
}

/// What a page shows of its rules is in the file that it names.
fn shows_its_rules(page: &str, file: &str) {
    let rules = fs::read_to_string(root().join(file)).expect("the rules");
    let lines: Vec<&str> = rules.lines().collect();
    let shown: Vec<String> = blocks(page).into_iter().filter(|(of, _)| of == "toml").map(|(_, text)| text).collect();
    assert!(!shown.is_empty(), "{page} shows no rules");
    for line in shown.iter().flat_map(|text| text.lines()).filter(|line| !line.is_empty()) {
        assert!(lines.contains(&line), "{page}: `{line}` is not in {file}");
    }
}

#[test]
fn a_team_of_three_goes_as_its_page_says() {
    shows_its_rules("docs/team-of-three.md", "config/examples/team-of-three.toml");
    follow("docs/team-of-three.md");
}

#[test]
fn recommending_goes_as_its_page_says() {
    shows_its_rules("docs/recommend.md", "config/examples/recommend.toml");
    follow("docs/recommend.md");
}
