//! A running daemon that a command asks over its API.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::http::Response;

/// How long the daemon may take to answer: an ordinary reload evaluates all users first.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);

/// The longest answer: the result of a dry run.
const ANSWER_BYTES_MAX: u64 = 128 << 20;

/// Which daemon is asked.
#[derive(clap::Args, Clone, Debug)]
pub struct DaemonAddress {
    /// The daemon's address ([http] listen)
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9464")]
    url: String,
    /// The file with the token ([http] token_file)
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// Why a daemon did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum AskedDaemonError {
    /// The token can't be read.
    #[error("could not read the token in {}: {source}", path.display())]
    Token {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The daemon can't be asked.
    #[error("could not ask the daemon at {url}: {source}; does it run, and is that its [http] listen?")]
    NotAsked {
        /// Its address.
        url: String,
        /// Why not.
        source: Box<ureq::Error>,
    },
    /// The daemon refuses it.
    #[error("the daemon refuses ({status}): {detail}")]
    Refused {
        /// The status of its answer.
        status: u16,
        /// What it says.
        detail: String,
    },
    /// The answer can't be understood.
    #[error("the daemon's answer can't be understood: {0}")]
    Answer(String),
}

/// A daemon that is asked over its API.
pub(super) struct AskedDaemon {
    url: String,
    agent: Agent,
    authorization: Option<String>,
}

impl AskedDaemon {
    pub(super) fn new(address: &DaemonAddress) -> Result<AskedDaemon, AskedDaemonError> {
        let read = |path: &PathBuf| {
            let token = fs::read_to_string(path);
            token.map_err(|source| AskedDaemonError::Token { path: path.clone(), source })
        };
        let token = address.token_file.as_ref().map(read).transpose()?;
        let agent = Agent::config_builder().http_status_as_error(false).timeout_global(Some(ANSWER_TIMEOUT)).build();
        Ok(AskedDaemon {
            url: address.url.trim_end_matches('/').to_owned(),
            agent: agent.into(),
            authorization: token.map(|token| format!("Bearer {}", token.trim())),
        })
    }

    pub(super) fn ask(&self, method: &str, path: &str) -> Result<Value, AskedDaemonError> {
        let body = self.ask_text(method, path)?;
        serde_json::from_str(&body).map_err(|error| AskedDaemonError::Answer(error.to_string()))
    }

    pub(super) fn ask_text(&self, method: &str, path: &str) -> Result<String, AskedDaemonError> {
        let not_asked =
            |source: ureq::Error| AskedDaemonError::NotAsked { url: self.url.clone(), source: Box::new(source) };
        let uri = format!("{}{path}", self.url);
        let request = ureq::http::Request::builder().method(method).uri(&uri);
        let request = match &self.authorization {
            Some(authorization) => request.header("Authorization", authorization),
            None => request,
        };
        let request = request.body(()).map_err(|error| not_asked(error.into()))?;
        let answer: Response<ureq::Body> = self.agent.run(request).map_err(not_asked)?;
        let status = answer.status().as_u16();
        let body = answer.into_body().into_with_config().limit(ANSWER_BYTES_MAX).read_to_string().map_err(not_asked)?;
        if (200..300).contains(&status) {
            return Ok(body);
        }
        let answer: Value = serde_json::from_str(&body).map_err(|error| AskedDaemonError::Answer(error.to_string()))?;
        // Mistakes in the rules are rendered by the daemon.
        let rendered = answer["rendered"].as_str().filter(|rendered| !rendered.is_empty());
        let detail = rendered.map_or_else(|| text_of(&answer, "detail"), |rendered| format!("\n{rendered}"));
        Err(AskedDaemonError::Refused { status, detail })
    }
}

/// A field of an answer that is a text; empty if it has none.
pub(super) fn text_of(answer: &Value, field: &str) -> String {
    answer[field].as_str().unwrap_or_default().to_owned()
}
