//! What packages, images and manifests say of the program is so. They themselves are tried by the scripts of `tests/packaging`.

use std::fs;
use std::path::Path;
use std::process::Command;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// A file of the repository.
fn shipped(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn rekindle(args: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_rekindle")).args(args).output().expect("the binary runs");
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// What stands behind `key` in a line, blanks before it aside.
fn setting<'t>(text: &'t str, key: &str) -> &'t str {
    let mut lines = text.lines().map(str::trim_start);
    lines.find_map(|line| line.strip_prefix(key)).unwrap_or_else(|| panic!("no line begins with {key}"))
}

/// The number of seconds of `"30s"`, `30s` or `30`.
fn seconds(text: &str) -> u32 {
    text.trim_matches('"').trim_end_matches('s').parse().unwrap_or_else(|_| panic!("{text} is no number of seconds"))
}

/// The ports that a file of settings listens on: metrics and the API, and events.
fn ports(settings: &str) -> [String; 2] {
    ["[http]", "[collect]"].map(|section| {
        let section = settings.split(&format!("\n{section}\n")).nth(1).expect("the section");
        setting(section, "listen = ").trim_matches('"').rsplit(':').next().expect("a port").to_owned()
    })
}

const KUBERNETES: [&str; 2] = ["config/kubernetes/daemon.yaml", "config/kubernetes/collect.yaml"];

#[test]
fn supervisors_wait_longer_than_the_daemon_takes_to_end() {
    let takes = seconds(setting(&shipped("config/rekindle.toml"), "deadline = "));
    assert!(seconds(setting(&shipped("config/rekindle.service"), "TimeoutStopSec=")) > takes);
    assert!(seconds(setting(&shipped("dashboards/docker-compose.yml"), "stop_grace_period: ")) > takes);
    let takes = seconds(setting(&shipped("config/kubernetes/rekindle.toml"), "deadline = "));
    let pauses = seconds(setting(&shipped(KUBERNETES[1]), "sleep: { seconds: ").trim_end_matches(" }"));
    for (manifest, before) in KUBERNETES.into_iter().zip([0, pauses]) {
        let waits = seconds(setting(&shipped(manifest), "terminationGracePeriodSeconds: "));
        assert!(waits > before + takes, "{manifest}: {waits}");
    }
}

#[test]
fn prometheus_images_and_pods_know_where_the_program_listens() {
    let settings = shipped("config/rekindle.toml");
    let [http, collect] = ports(&settings);
    assert!(shipped("config/prometheus.yml").contains(&format!("targets: [\"127.0.0.1:{http}\"]")), "{http}");
    assert_eq!(setting(&shipped("config/Dockerfile"), "EXPOSE "), format!("{http} {collect}"));
    let [http, collect] = ports(&shipped("config/kubernetes/rekindle.toml"));
    for manifest in KUBERNETES {
        assert!(shipped(manifest).contains(&format!("{{ name: http, containerPort: {http} }}")), "{manifest}");
    }
    assert!(shipped(KUBERNETES[1]).contains(&format!("{{ name: events, containerPort: {collect} }}")));
}

#[test]
fn the_image_is_built_from_what_docker_may_see() {
    let ignored = shipped(".dockerignore");
    for path in ["Cargo.toml", "Cargo.lock", "src", "config", "docs"] {
        assert!(ignored.lines().any(|line| line == format!("!{path}")), "{path} is hidden from docker");
    }
    for copied in shipped("config/Dockerfile").lines().filter_map(|line| line.strip_prefix("COPY config/")) {
        let files = copied.split_whitespace().filter(|word| !word.starts_with('/'));
        files.for_each(|file| drop(shipped(&format!("config/{}", file.trim_start_matches("config/")))));
    }
}

#[test]
fn what_supervisors_run_is_a_command_that_exists() {
    let (unit, image) = (shipped("config/rekindle.service"), shipped("config/Dockerfile"));
    let of_unit = setting(&unit, "ExecStart=").split_whitespace().nth(1).map(str::to_owned);
    let list = |list: &str| serde_json::from_str::<Vec<String>>(list).expect("a list").into_iter().next();
    let of_pods = KUBERNETES.map(|manifest| list(setting(&shipped(manifest), "args: ")));
    for command in [of_unit, list(setting(&image, "CMD "))].into_iter().chain(of_pods) {
        let command = command.expect("a command");
        let (known, help) = rekindle(&[&command, "--help"]);
        assert!(known && help.contains("--config"), "rekindle {command}: {help}");
    }
}

#[test]
fn packages_and_images_put_checkpoints_where_the_program_may_write() {
    // Each replaces this line of the settings; a variable would override the store of the user's own.
    let line = "store = \"checkpoints\"";
    assert!(shipped("config/rekindle.toml").lines().any(|other| other == line));
    for path in ["config/Dockerfile", "config/debian/build.sh", "config/rekindle.service"] {
        let text = shipped(path);
        assert!(text.contains(&format!("s|^{line}$|store = ")), "{path} does not replace it");
        assert!(!text.contains("REKINDLE_CHECKPOINT_STORE="), "{path} overrides the settings");
    }
}

#[test]
fn compose_loads_every_dashboard() {
    let compose = shipped("dashboards/docker-compose.yml");
    let folder = fs::read_dir(root().join("dashboards")).expect("the folder is there");
    let names = folder.map(|entry| entry.expect("readable").file_name().into_string().expect("UTF-8"));
    let missing: Vec<_> = names
        .filter(|name| name.ends_with(".json"))
        .filter(|name| !compose.contains(&format!("- ./{name}:/var/lib/grafana/dashboards/{name}:ro")))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_rules_of_kubernetes_compile() {
    let rules = root().join("config/kubernetes/rules.toml");
    let (sound, said) = rekindle(&["check", "--rules", rules.to_str().expect("UTF-8")]);
    assert!(sound, "{said}");
}

#[test]
fn every_listed_command_has_a_manual_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let pages = folder.path().join("pages");
    let (written, said) = rekindle(&["man", pages.to_str().expect("UTF-8")]);
    assert!(written, "{said}");
    let (_, help) = rekindle(&["--help"]);
    assert!(!help.contains("\n  man "), "it is for packages only");
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    for command in listed.filter_map(|line| line.split_whitespace().next()).filter(|command| *command != "help") {
        let page = fs::read_to_string(pages.join(format!("rekindle-{command}.1"))).expect("a page");
        assert!(page.contains(".SH SYNOPSIS"), "{page}");
    }
    let page = fs::read_to_string(pages.join("rekindle.1")).expect("a page");
    assert!(page.contains("rekindle\\-replay(1)") && !page.contains("rekindle\\-man(1)"), "{page}");
    let (written, said) = rekindle(&["man", "/proc/pages"]);
    assert!(!written && said.starts_with("error: could not write the manual pages: "), "{said}");
}
