//! A real Prometheus for tests, and promtool: `$PROMETHEUS` and `$PROMTOOL`, else those on PATH. Where there is none the
//! test fails and says so: it never skips.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::free_port;

/// How often it scrapes.
const INTERVAL: &str = "500ms";
/// How long anything may take to turn up.
const PATIENCE: Duration = Duration::from_secs(20);

/// How a scrape is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Histograms {
    /// In text.
    Classic,
    /// In protobuf.
    Native,
}

/// A server that runs until it is dropped.
pub struct Prometheus {
    child: Child,
    address: String,
    _folder: tempfile::TempDir,
}

/// A series of an answer: its labels, and its value as it stands there (a histogram's is an object).
pub struct Series {
    pub labels: BTreeMap<String, String>,
    pub value: Value,
}

impl Series {
    /// Its value as a number.
    pub fn number(&self) -> f64 {
        self.value[1].as_str().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN)
    }
}

impl Prometheus {
    /// Scrapes `http://<target>/metrics` as the job `rekindle`, and has done so at least once.
    pub fn scraping(target: &str, histograms: Histograms) -> Prometheus {
        let folder = tempfile::tempdir().expect("a folder for the server");
        let config = json!({ "scrape_configs": [{
            "job_name": "rekindle", "scrape_interval": INTERVAL, "scrape_timeout": INTERVAL,
            "static_configs": [{ "targets": [target] }],
        }]});
        // JSON is YAML too.
        let config_file = folder.path().join("prometheus.yml");
        fs::write(&config_file, config.to_string()).expect("the server's configuration");
        let address = format!("127.0.0.1:{}", free_port());
        let mut command = Command::new(program("PROMETHEUS", "prometheus"));
        command
            .arg(format!("--config.file={}", config_file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"));
        if histograms == Histograms::Native {
            command.arg("--enable-feature=native-histograms");
        }
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap_or_else(|error| absent(&error));
        let server = Prometheus { child, address, _folder: folder };
        server.wait_for("up == 1");
        server
    }

    /// An expression's value now.
    ///
    /// # Errors
    /// What the server says against the expression.
    pub fn query(&self, expression: &str) -> Result<Vec<Series>, String> {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let request = agent.get(format!("http://{}/api/v1/query", self.address)).query("query", expression);
        let mut response = request.call().map_err(|error| format!("no answer: {error}"))?;
        let answer: Value = response.body_mut().read_json().map_err(|error| format!("no JSON: {error}"))?;
        if answer["status"] != "success" {
            return Err(format!("{expression}: {}", answer["error"]));
        }
        Ok(answer["data"]["result"].as_array().into_iter().flatten().map(series).collect())
    }

    /// The same, once there is something: an answer that is not empty.
    pub fn wait_for(&self, expression: &str) -> Vec<Series> {
        let started = Instant::now();
        loop {
            let answer = self.query(expression);
            match answer {
                Ok(found) if !found.is_empty() => return found,
                _ if started.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(50)),
                Ok(_) => panic!("nothing came of {expression} in {PATIENCE:?}"),
                Err(error) => panic!("{error}"),
            }
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn series(found: &Value) -> Series {
    let labels = found["metric"].as_object().into_iter().flatten();
    let labels = labels.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()));
    let value = if found["histogram"].is_null() { &found["value"] } else { &found["histogram"] };
    Series { labels: labels.collect(), value: value.clone() }
}

/// What `promtool check metrics` says of a page of text; empty: it is clean.
pub fn promtool_check_metrics(text: &str) -> String {
    let mut child = Command::new(program("PROMTOOL", "promtool"))
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| absent(&error));
    let mut input = child.stdin.take().expect("piped");
    input.write_all(text.as_bytes()).expect("promtool reads");
    drop(input);
    let output = child.wait_with_output().expect("promtool ends");
    let mut said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    if !output.status.success() {
        said.push_str(&format!("({})", output.status));
    }
    said
}

/// What promtool says, run in a folder.
pub fn promtool(folder: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program("PROMTOOL", "promtool"));
    let output = command.args(arguments).current_dir(folder).output().unwrap_or_else(|error| absent(&error));
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

/// The expressions of a file of rules, each with the name of its rule: on one line, or a block of several.
pub fn rule_expressions(rules: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let (mut name, mut lines) = (String::new(), rules.lines().peekable());
    while let Some(line) = lines.next() {
        let line = line.trim();
        if let Some(named) = line.strip_prefix("- alert: ").or_else(|| line.strip_prefix("- record: ")) {
            named.clone_into(&mut name);
        }
        let Some(expression) = line.strip_prefix("expr: ") else { continue };
        let mut expression = expression.to_owned();
        if expression == "|" {
            expression.clear();
            while let Some(more) = lines.next_if(|line| line.starts_with("          ")) {
                expression.push_str(more);
                expression.push('\n');
            }
        }
        found.push((name.clone(), expression));
    }
    found
}

fn program(variable: &str, name: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| name.to_owned())
}

fn absent(error: &std::io::Error) -> ! {
    panic!(
        "prometheus and promtool are needed ({error}): `apt-get install prometheus`, or name them in $PROMETHEUS and $PROMTOOL"
    )
}
