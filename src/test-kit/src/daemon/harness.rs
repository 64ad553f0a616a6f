//! The daemon as a process: its settings, its log, its health, its signals and its end.

use std::fmt::Display;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long anything that must happen may take: long, since the machine may have other work.
pub const LIMIT: Duration = Duration::from_secs(30);

/// What the daemon is started with: a folder with rules and settings, and variables that go before them.
pub struct TestDaemonSetup {
    folder: tempfile::TempDir,
    variables: Vec<(String, String)>,
    command: &'static str,
}

/// A daemon that is killed when it is dropped; where the test failed, its log is shown.
pub struct TestDaemon {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    http: String,
    settings: Option<TestDaemonSetup>,
}

/// How it ended.
pub struct DaemonExit {
    pub code: Option<i32>,
    pub log: String,
    /// For another start in the same folder.
    pub settings: TestDaemonSetup,
}

/// What `/readyz` says.
pub struct Readiness {
    pub status: u16,
    pub body: String,
}

impl TestDaemonSetup {
    /// Time is the log's alone, and output streams are created.
    pub fn new(server: &str, rules: &str) -> TestDaemonSetup {
        let folder = tempfile::tempdir().expect("a folder for the settings");
        let text = format!(
            "[engine]\nrules = 'rules.toml'\nclock = 'events'\n[nats]\nservers = ['{server}']\n[source]\ncreate = true\n\
             [output]\ncreate = true\ndecisions = true\n[http]\nlisten = '127.0.0.1:0'\n[log]\nformat = 'json'\n"
        );
        fs::write(folder.path().join("rekindle.toml"), text).expect("the settings");
        fs::write(folder.path().join("rules.toml"), rules).expect("the rules");
        TestDaemonSetup { folder, variables: Vec::new(), command: "run" }
    }

    /// Another value for an option, by the name of its variable without `REKINDLE_`.
    pub fn set(mut self, key: &str, value: impl Display) -> TestDaemonSetup {
        self.variables.push((format!("REKINDLE_{key}"), value.to_string()));
        self
    }

    /// Another command than `run`.
    pub fn command(self, command: &'static str) -> TestDaemonSetup {
        TestDaemonSetup { command, ..self }
    }

    /// More sections of the settings.
    pub fn and(self, sections: &str) -> TestDaemonSetup {
        let file = self.file("rekindle.toml");
        let text = fs::read_to_string(&file).expect("the settings");
        fs::write(file, format!("{text}{sections}")).expect("the settings");
        self
    }

    /// A file beside the settings.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts the daemon with them; returns as soon as it serves HTTP.
    pub fn start(self) -> TestDaemon {
        self.start_with(&[])
    }

    /// The same, with more options of the command.
    pub fn start_with(self, options: &[&str]) -> TestDaemon {
        let mut daemon = self.spawn(options);
        let starts = daemon.wait_for_log("rekindle starts");
        let line: Value = serde_json::from_str(&starts).expect("a line of the log is JSON");
        daemon.http = format!("http://{}", line["http"].as_str().expect("the address"));
        daemon
    }

    /// Starts a daemon that ends by itself.
    pub fn refused(self) -> DaemonExit {
        self.spawn(&[]).wait_for_end()
    }

    fn spawn(self, options: &[&str]) -> TestDaemon {
        let mut child = Command::new(crate::binary("rekindle"))
            .arg(self.command)
            .arg("--config")
            .arg(self.file("rekindle.toml"))
            .args(options)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let stderr = child.stderr.take().expect("it is piped");
        let log: Arc<Mutex<Vec<String>>> = Arc::default();
        let lines = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                lines.lock().expect("no panic").push(line);
            }
        });
        TestDaemon { child, log, http: String::new(), settings: Some(self) }
    }
}

impl TestDaemon {
    /// Everything it has logged.
    pub fn log(&self) -> String {
        self.log.lock().expect("no panic").join("\n")
    }

    /// Waits for a line of the log with this in it.
    pub fn wait_for_log(&self, part: &str) -> String {
        let mut found = None;
        wait_until(&format!("a line of the log with `{part}`"), || {
            found = self.log.lock().expect("no panic").iter().find(|line| line.contains(part)).cloned();
            found.is_some()
        });
        found.unwrap_or_default()
    }

    /// What `/readyz` says now.
    pub fn readiness(&self) -> Readiness {
        let (status, body) = self.ask("GET", "/readyz");
        Readiness { status, body }
    }

    /// The status and the body of an answer.
    pub fn ask(&self, method: &str, path: &str) -> (u16, String) {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(LIMIT)).build().into();
        let uri = format!("{}{path}", self.http);
        let mut answer = match method {
            "DELETE" => agent.delete(uri).call(),
            "POST" => agent.post(uri).send_empty(),
            _ => agent.get(uri).call(),
        }
        .expect("the daemon answers");
        let body = answer.body_mut().read_to_string().expect("a body");
        (answer.status().as_u16(), body)
    }

    /// The status and the document of an answer to a document.
    pub fn put(&self, path: &str, document: &Value) -> (u16, Value) {
        self.send("PUT", path, document)
    }

    /// The same, posted.
    pub fn post(&self, path: &str, document: &Value) -> (u16, Value) {
        self.send("POST", path, document)
    }

    fn send(&self, method: &str, path: &str, document: &Value) -> (u16, Value) {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(LIMIT)).build().into();
        let uri = format!("{}{path}", self.http);
        let request = if method == "PUT" { agent.put(uri) } else { agent.post(uri) };
        let request = request.header("Content-Type", "application/json");
        let mut answer = request.send(document.to_string()).expect("the daemon answers");
        let body = answer.body_mut().read_to_string().expect("a body");
        (answer.status().as_u16(), serde_json::from_str(&body).expect("JSON"))
    }

    /// What `/metrics` says, in text.
    pub fn metrics(&self) -> String {
        let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(LIMIT)).build().into();
        let mut answer = agent.get(format!("{}/metrics", self.http)).call().expect("the daemon answers");
        answer.body_mut().read_to_string().expect("a body")
    }

    /// The value of one series, with its labels as `/metrics` writes them; not a number if it is not there.
    pub fn metric(&self, series: &str) -> f64 {
        let page = self.metrics();
        let value = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.map_or(f64::NAN, |value| value.parse().expect("a number"))
    }

    /// Where it serves HTTP: an address and a port.
    pub fn address(&self) -> &str {
        self.http.trim_start_matches("http://")
    }

    /// Waits until it is ready.
    pub fn wait_until_ready(&self) {
        let mut said = String::new();
        let ready = holds_in_time(|| {
            let Readiness { status, body } = self.readiness();
            said = body;
            status == 200
        });
        assert!(ready, "the daemon does not become ready: {said}");
    }

    /// Waits until it is not ready, says this of the reason, and has logged it.
    pub fn wait_until_unready(&self, why: &str) {
        let mut said = String::new();
        let unready = holds_in_time(|| {
            let Readiness { status, body } = self.readiness();
            let found = status == 503 && body.contains(why);
            said = format!("{status} {body}");
            found
        });
        assert!(unready, "/readyz does not say `{why}`: {said}");
        self.wait_for_log(why);
    }

    /// Sends a signal: `TERM`, `HUP`, `INT`, `KILL`.
    pub fn signal(&self, name: &str) {
        signal(name, self.child.id());
    }

    /// Replaces the rules in their file, and tells it with SIGHUP.
    pub fn reload(&self, rules: &str) {
        fs::write(self.file("rules.toml"), rules).expect("the rules");
        self.signal("HUP");
    }

    /// A file beside the settings.
    pub fn file(&self, name: &str) -> PathBuf {
        self.settings.as_ref().expect("it runs").file(name)
    }

    /// The memory it occupies now, in bytes.
    pub fn rss_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux tells");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1_024
    }

    /// Whether it runs still.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().expect("its state can be had").is_none()
    }

    /// Waits for its end.
    pub fn wait_for_end(mut self) -> DaemonExit {
        wait_until("the daemon's end", || !self.runs());
        let code = self.child.wait().expect("its state can be had").code();
        // The reader of its log may be a line behind.
        wait_until("the end of its log", || Arc::strong_count(&self.log) == 1);
        let settings = self.settings.take().expect("it is taken once, here");
        DaemonExit { code, log: self.log(), settings }
    }

    /// kill -9.
    pub fn kill(self) -> TestDaemonSetup {
        self.signal("KILL");
        self.wait_for_end().settings
    }

    /// SIGTERM; it must end well.
    pub fn stop(self) -> DaemonExit {
        self.signal("TERM");
        let ended = self.wait_for_end();
        assert_eq!(ended.code, Some(0), "{}", ended.log);
        ended
    }
}

impl Drop for TestDaemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the daemon's log:\n{}", self.log.lock().map(|log| log.join("\n")).unwrap_or_default());
        }
    }
}

/// Sends a signal to a process.
pub fn signal(name: &str, pid: u32) {
    let sent = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().expect("kill runs");
    assert!(sent.success(), "no process {pid}");
}

/// Waits until it is so.
pub fn wait_until(what: &str, is_so: impl FnMut() -> bool) {
    assert!(holds_in_time(is_so), "waited in vain for {what}");
}

fn holds_in_time(mut is_so: impl FnMut() -> bool) -> bool {
    let started = Instant::now();
    while started.elapsed() < LIMIT {
        if is_so() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    is_so()
}
