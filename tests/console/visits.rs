//! Visits to the pages by scripts that drive a headless Chromium.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use bytes::Bytes;
use libtest_mimic::Trial;
use rekindle_test_kit::daemon::broker::Broker;
use rekindle_test_kit::daemon::harness::{TestDaemon, TestDaemonSetup};
use rekindle_test_kit::daemon::log::{THE_END, lines, starter_pack};
use rekindle_test_kit::nats_server::NatsServer;
use rekindle_test_kit::{npm, optional, repository};

/// What drives the browser, and what looks for what a screen reader can't use.
const PACKAGES: [&str; 2] = ["playwright-core@1.65.1", "axe-core@4.14.1"];

/// How many days of the shop the daemon has taken in: more than two weeks, which the growth numbers compare.
const DAYS: i64 = 18;

/// How many days of the shop a full report covers: more than hours out of the usual need.
const FULL_DAYS: i64 = 62;

/// The last event: its user enters the segment of [`THE_END`].
const LAST: &str =
    r#"{"type":"identify","userId":"the-last-user","timestamp":"2026-01-19T00:00:00Z","traits":{"the_end":true}}"#;

/// What a visit needs.
#[derive(Clone)]
struct Visitor {
    chromium: PathBuf,
    modules: PathBuf,
}

/// A daemon with a shop's events, and its broker.
struct TestShop {
    daemon: TestDaemon,
    _server: NatsServer,
}

impl Visitor {
    fn find() -> Result<Visitor, String> {
        Ok(Visitor { chromium: npm::chromium()?, modules: npm::modules("console-browser", &PACKAGES)? })
    }

    /// Runs a script of this folder, which fails where the pages are not as they must be.
    fn visit(&self, script: &str, daemon: &TestDaemon, more: &[&str]) {
        self.visit_at(script, &format!("http://{}", daemon.address()), more);
    }

    /// The same at an address, or with a file.
    fn visit_at(&self, script: &str, address: &str, more: &[&str]) {
        let mut node = Command::new("node");
        node.arg(repository().join("tests/console").join(script)).arg(&self.modules).arg(&self.chromium);
        let output = node.arg(address).args(more).output().expect("node runs");
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&said));
    }
}

impl TestShop {
    fn open() -> TestShop {
        let server = NatsServer::start();
        let setup = TestDaemonSetup::new(&server.url(), &starter_pack());
        let daemon = setup.set("ENGINE_BACKTEST_SHARE", "100").start();
        daemon.wait_until_ready();
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let broker = Broker::connect(&server.url()).await;
            let mut messages: Vec<Bytes> = lines(1, DAYS).chunks(100).map(|some| some.join("\n").into()).collect();
            messages.push(LAST.into());
            broker.publish(&messages, None).await;
            broker.wait_for_subject(THE_END).await;
        });
        TestShop { daemon, _server: server }
    }
}

/// A demo, and its address.
struct RunningDemo {
    process: Child,
    address: String,
}

impl RunningDemo {
    fn start() -> RunningDemo {
        let mut demo = Command::new(env!("CARGO_BIN_EXE_rekindle"));
        demo.args(["demo", "--no-open", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped());
        let mut process = demo.spawn().expect("the binary starts");
        let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines().map_while(Result::ok);
        let opening = lines.next().expect("the demo says where the console is");
        let address = opening.split("http://").nth(1).and_then(|rest| rest.split('/').next()).expect("an address");
        // What it goes on to print must be read, or it would wait.
        std::thread::spawn(move || lines.for_each(drop));
        RunningDemo { process, address: address.to_owned() }
    }
}

impl Drop for RunningDemo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The growth report of the first days of the shop, in a folder.
fn growth_report(folder: &Path, days: i64) -> String {
    let (rules, events, page) =
        (folder.join("rules.toml"), folder.join(format!("{days}.jsonl")), folder.join(format!("{days}.html")));
    std::fs::write(&rules, starter_pack().replace("[growth]\n", "[growth]\ncurrency = \"EUR\"\n")).expect("the rules");
    std::fs::write(&events, lines(1, days).join("\n")).expect("the events");
    let mut report = Command::new(env!("CARGO_BIN_EXE_rekindle"));
    report.args(["growth", "report", "--rules"]).arg(rules).arg("--input").arg(events).arg("--output").arg(&page);
    // Time goes on for some minutes after the last midnight.
    let until = format!("{}T00:10:00Z", jiff::civil::date(2026, 1, 1).saturating_add(jiff::Span::new().days(days)));
    let output = report.args(["--until", &until]).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    page.display().to_string()
}

pub(crate) fn trials() -> Vec<Trial> {
    let visitor = Visitor::find();
    let trial = |name, test: fn(Visitor)| optional::trial(name, visitor.clone(), test);
    vec![
        trial("every_page_shows_data_fits_and_is_accessible", |visitor| {
            visitor.visit("pages.mjs", &TestShop::open().daemon, &[]);
        }),
        trial("the_tutorial_about_a_mail_that_did_not_come_is_followed", |visitor| {
            let demo = RunningDemo::start();
            let guide = repository().join("docs/why-no-mail.md");
            visitor.visit_at("why_no_mail.mjs", &format!("http://{}", demo.address), &[&guide.display().to_string()]);
        })
        .with_kind("takes minutes: a whole demo")
        .with_ignored_flag(true),
        trial("the_growth_report_fits_every_screen_and_says_why_it_is_empty", |visitor| {
            let folder = tempfile::tempdir().expect("a folder");
            let (full, short) = (growth_report(folder.path(), FULL_DAYS), growth_report(folder.path(), 1));
            visitor.visit_at("report.mjs", &full, &[&short]);
        }),
        trial("a_person_is_explained_exported_and_forgotten", |visitor| {
            visitor.visit("person.mjs", &TestShop::open().daemon, &[]);
        }),
        trial("rules_are_typed_checked_and_built_from_a_form", |visitor| {
            visitor.visit("rules.mjs", &TestShop::open().daemon, &[]);
        }),
        trial("a_rule_is_tried_over_the_last_days", |visitor| {
            visitor.visit("tryit.mjs", &TestShop::open().daemon, &[]);
        }),
        trial("tokens_decide_who_may_change_things", |visitor| {
            let (token, read_token) = ("a-token-of-operators-0123456789", "a-token-of-readers-0123456789");
            let server = NatsServer::start();
            let setup = TestDaemonSetup::new(&server.url(), &starter_pack());
            std::fs::write(setup.file("token"), token).expect("a file");
            std::fs::write(setup.file("read-token"), read_token).expect("a file");
            let daemon = setup.set("HTTP_TOKEN_FILE", "token").set("HTTP_READ_TOKEN_FILE", "read-token").start();
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            runtime.block_on(async {
                let broker = Broker::connect(&server.url()).await;
                broker.publish_one(LAST).await;
                broker.wait_for_subject(THE_END).await;
            });
            visitor.visit("signin.mjs", &daemon, &[token, read_token, "the-last-user"]);
        }),
        trial("ten_thousand_transitions_a_second_do_not_stop_the_tab", |visitor| {
            let server = NatsServer::start();
            let daemon = TestDaemonSetup::new(&server.url(), &starter_pack()).start();
            visitor.visit("flood.mjs", &daemon, &[]);
        }),
    ]
}
