//! The README's second screen, followed literally: its commands are run by a shell, on ports that are free here; a browser opens
//! the page and presses the button.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use rekindle_test_kit::{binary, free_port, nats_server, optional, repository};

use crate::browser::Browser;

/// The cart lies for a minute; the machine may have other work.
const LIMIT: Duration = Duration::from_secs(240);

pub(crate) fn trials() -> Vec<Trial> {
    vec![optional::trial("the_readmes_way_from_nothing_to_a_signed_webhook", Browser::find(), |browser| {
        follow(&browser)
    })]
}

/// A shell that runs one of the README's blocks.
struct Terminal {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Terminal {
    fn open(folder: &Path, path: &str, variables: &[(&str, String)], block: &str) -> Terminal {
        let mut bash = Command::new("bash");
        bash.args(["-ec", &format!("exec 2>&1\n{}", last_replaces_the_shell(block))]).current_dir(folder);
        bash.env("PATH", path).env("PYTHONUNBUFFERED", "1").envs(variables.iter().cloned());
        let mut child = bash.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("bash runs");
        let output = child.stdout.take().expect("it is piped");
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let all = Arc::clone(&lines);
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                all.lock().expect("no panic").push(line);
            }
        });
        Terminal { child, lines }
    }

    fn text(&self) -> String {
        self.lines.lock().expect("no panic").join("\n")
    }

    fn wait_for(&self, part: &str) -> String {
        let began = Instant::now();
        while began.elapsed() < LIMIT {
            if let Some(line) = self.lines.lock().expect("no panic").iter().find(|line| line.contains(part)) {
                return line.clone();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("waited in vain for `{part}`, there is:\n{}", self.text());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("a terminal said:\n{}", self.text());
        }
    }
}

/// So that it can be ended: what the last line starts takes the shell's place.
fn last_replaces_the_shell(block: &str) -> String {
    match block.trim_end().rsplit_once('\n') {
        Some((before, last)) => format!("{before}\nexec {last}"),
        None => format!("exec {}", block.trim_end()),
    }
}

/// The section's blocks of commands.
fn blocks() -> Vec<String> {
    let readme = fs::read_to_string(repository().join("README.md")).expect("a README");
    let section = readme.split("\n## Your shop, in ten minutes\n").nth(1).and_then(|rest| rest.split("\n## ").next());
    let fenced = section.expect("the section").split("```").skip(1).step_by(2);
    fenced.filter_map(|block| block.strip_prefix("sh\n")).map(str::to_owned).collect()
}

fn follow(browser: &Browser) {
    let folder = tempfile::tempdir().expect("a folder");
    std::os::unix::fs::symlink(repository().join("config"), folder.path().join("config")).expect("a link");
    std::os::unix::fs::symlink(nats_server_here(), folder.path().join("nats-server")).expect("a link");
    let programs = binary("rekindle").parent().expect("a folder").to_owned();
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{}:{path}", programs.display(), folder.path().display());
    let [nats, http, collect, receiver, website] = [(); 5].map(|()| free_port());
    let variables = [
        ("REKINDLE_NATS_SERVERS", format!("nats://127.0.0.1:{nats}")),
        ("REKINDLE_HTTP_LISTEN", format!("127.0.0.1:{http}")),
        ("REKINDLE_COLLECT_LISTEN", format!("127.0.0.1:{collect}")),
    ];
    let here = |block: &str| {
        let block = block.replace("9000", &receiver.to_string()).replace("8000", &website.to_string());
        let block = block.replace("nats-server -js", &format!("nats-server -js -a 127.0.0.1 -p {nats}"));
        block.replace("rekindle init", &format!("rekindle init --collect-url http://127.0.0.1:{collect}"))
    };
    let blocks = blocks();
    let [first, broker, hooks, daemon, page] = blocks.as_slice() else { panic!("other blocks: {blocks:?}") };
    let open = |block: &str| Terminal::open(folder.path(), &path, &variables, &here(block));
    let (build, init) = first.split_once('\n').expect("two lines");
    assert!(build.starts_with("cargo build --release && export PATH="), "{build}");
    let mut init = open(init);
    assert!(init.child.wait().expect("it ends").success(), "{}", init.text());
    let broker = open(broker);
    broker.wait_for("Server is ready");
    let hooks = open(hooks);
    let daemon = open(daemon);
    daemon.wait_for("events over HTTP are taken");
    let website_terminal = open(page);
    website_terminal.wait_for("Serving HTTP");
    // The visitor leaves the page; the browser stays, and has time to send what the page gave it.
    let visitor = browser.hold(&format!("http://127.0.0.1:{website}/"), &["click button", "goto about:blank"]);
    let line = hooks.wait_for("cart_reminder for ");
    visitor.leave();
    let payload = line.split_once(": ").expect("a payload").1;
    let payload: serde_json::Value = serde_json::from_str(payload).expect("JSON");
    let expected = readme_payload();
    assert_eq!(payload, expected, "the README shows something else");
    // A request that is not signed is refused.
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let forged = agent.post(format!("http://127.0.0.1:{receiver}/")).send("{}").expect("an answer");
    assert_eq!(forged.status(), 401);
    assert_eq!(hooks.text().matches("cart_reminder").count(), 1);
}

/// What the README says that the receiver prints, behind the user.
fn readme_payload() -> serde_json::Value {
    let readme = fs::read_to_string(repository().join("README.md")).expect("a README");
    let line = readme.lines().find(|line| line.starts_with("cart_reminder for ")).expect("the line");
    serde_json::from_str(line.split_once(": ").expect("a payload").1).expect("JSON")
}

fn nats_server_here() -> PathBuf {
    let found = nats_server::binary().to_owned();
    match found.is_absolute() {
        true => found,
        false => {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let mut all = std::env::split_paths(&path).map(|folder| folder.join(&found));
            all.find(|file| file.is_file()).expect("it is on PATH")
        }
    }
}
