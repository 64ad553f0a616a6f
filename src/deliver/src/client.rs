//! Sends requests over HTTP, and mails by [`mail`](crate::mail): no redirects, no proxies, public addresses only, answers up to a bound.

use std::fs;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rekindle_core::time::Timestamp;
use rekindle_settings::{DestinationSettings, RequestMethod};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Client, Method, Url, redirect};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use thiserror::Error;

use crate::address::{PublicResolver, is_public};
use crate::answer::{ReceiverAnswer, retry_after};
use crate::mail::{MailClient, is_mail};
use crate::request::OutboundRequest;

/// So much of an answer is read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection without requests is kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum SendError {
    /// The client can't be made.
    #[error("no client can be made: {0}")]
    Client(String),
    /// The address is private.
    #[error("{0} is a private address; allow_private = true allows it")]
    Private(IpAddr),
    /// The address is no address.
    #[error("its address is none: {0}")]
    Address(String),
    /// There was no answer in time.
    #[error("there was no answer within {0:?}")]
    TimedOut(Duration),
    /// The connection failed.
    #[error("{0}")]
    Connection(String),
}

/// The client of a destination.
#[derive(Debug)]
pub struct DestinationClient {
    client: Client,
    timeout: Duration,
    allow_private: bool,
    /// Of a destination that is a mail server.
    mail: Option<MailClient>,
}

impl DestinationClient {
    /// Opens no connection yet.
    ///
    /// # Errors
    /// The system's certificates or those of `ca_file` can't be used.
    pub fn new(settings: &DestinationSettings) -> Result<DestinationClient, SendError> {
        // Another part of the process may have installed the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let timeout = Duration::from_millis(u64::try_from(settings.timeout.0).unwrap_or(0));
        let mut builder = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("rekindle/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT.min(timeout))
            .timeout(timeout)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(usize::from(settings.concurrency));
        if !settings.allow_private {
            builder = builder.dns_resolver(Arc::new(PublicResolver)).https_only(true);
        }
        if let Some(pem) = read_authorities(settings)? {
            let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| SendError::Client(causes(&error)))?;
            builder = builder.tls_certs_merge(certificates);
        }
        let client = builder.build().map_err(|error| SendError::Client(causes(&error)))?;
        let mail = is_mail(&settings.url).then(|| MailClient::new(settings)).transpose()?;
        Ok(DestinationClient { client, timeout, allow_private: settings.allow_private, mail })
    }

    /// Sends a request, and reads the beginning of the answer.
    ///
    /// # Errors
    /// There is none.
    pub async fn send(&self, request: OutboundRequest, now: Timestamp) -> Result<ReceiverAnswer, SendError> {
        if let Some(mail) = &self.mail {
            return mail.send(&request).await;
        }
        let url: Url = request.url.parse().map_err(|_| SendError::Address("it can't be parsed".to_owned()))?;
        self.check_host(&url)?;
        let mut headers = HeaderMap::new();
        for (name, value) in &request.headers {
            if let (Ok(name), Ok(mut value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
                value.set_sensitive(true);
                headers.append(name, value);
            }
        }
        let builder = self.client.request(method(request.method), url).headers(headers).body(request.body);
        let mut response = builder.send().await.map_err(|error| self.failure(error))?;
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let reset = header("x-ratelimit-reset").or_else(|| header("ratelimit-reset"));
        let retry_after = retry_after(header("retry-after"), reset, now);
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while body.len() < ANSWER_BYTES_MAX
            && let Some(chunk) = response.chunk().await.map_err(|error| self.failure(error))?
        {
            body.extend_from_slice(&chunk[..chunk.len().min(ANSWER_BYTES_MAX - body.len())]);
        }
        Ok(ReceiverAnswer { status, retry_after, body })
    }

    /// An address that stands in the URL itself is not resolved.
    fn check_host(&self, url: &Url) -> Result<(), SendError> {
        let host = url.host_str().unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        match address {
            Ok(address) if !self.allow_private && !is_public(address) => Err(SendError::Private(address)),
            _ => Ok(()),
        }
    }

    fn failure(&self, error: reqwest::Error) -> SendError {
        if error.is_timeout() {
            return SendError::TimedOut(self.timeout);
        }
        // The address may hold secrets.
        SendError::Connection(causes(&error.without_url()))
    }
}

/// The certificates of `ca_file`, PEM: at least one.
pub(crate) fn read_authorities(settings: &DestinationSettings) -> Result<Option<Vec<u8>>, SendError> {
    let Some(path) = &settings.ca_file else { return Ok(None) };
    let pem = fs::read(path).map_err(|error| SendError::Client(format!("ca_file {}: {error}", path.display())))?;
    match CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>() {
        Ok(certificates) if !certificates.is_empty() => Ok(Some(pem)),
        _ => Err(SendError::Client(format!("ca_file {} holds no certificates in PEM", path.display()))),
    }
}

fn method(method: RequestMethod) -> Method {
    match method {
        RequestMethod::Post => Method::POST,
        RequestMethod::Put => Method::PUT,
        RequestMethod::Patch => Method::PATCH,
        RequestMethod::Delete => Method::DELETE,
        RequestMethod::Get => Method::GET,
    }
}

/// An error with its causes, in one line.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(&format!(": {more}"));
        }
        cause = error.source();
    }
    text
}
