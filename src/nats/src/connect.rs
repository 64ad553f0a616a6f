//! Establishes the connection, and reports its state to health.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{ConnectOptions, Event, Server, ServerAddr, ServerError};
use tracing::{error, info, warn};

use super::credentials::{CredentialsError, answer};
use super::failure::{self, ConnectFailure};
use super::status::ConnectionStatus;
use super::{INBOX_PREFIX, chance, tls};
use rekindle_runtime::health::HealthPart;
use rekindle_settings::{NatsAuth, NatsSettings};

/// A peer that went away without a word is noticed after two to three of these.
const PING_INTERVAL: Duration = Duration::from_secs(5);
/// How long one server may take to let us in.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(5);
/// How long JetStream may take to answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Waits between attempts grow from this …
const BACKOFF_FIRST: Duration = Duration::from_millis(50);
/// … to this.
const BACKOFF_LAST: Duration = Duration::from_secs(2);
/// Commands that wait for the connection, before those who issue them must wait.
const COMMANDS: usize = 4_096;
/// The least room of a subscription, in messages.
const SUBSCRIPTION_MIN: usize = 65_536;

/// Settings of which everything they name was found to be usable.
#[derive(Debug)]
pub struct NatsAccess {
    settings: NatsSettings,
    servers: Vec<ServerAddr>,
}

/// A connection that comes back by itself. Cheap to clone; clones share it.
#[derive(Clone, Debug)]
pub struct NatsConnection {
    /// For publishing and subscribing.
    pub client: async_nats::Client,
    /// For JetStream.
    pub jetstream: async_nats::jetstream::Context,
    /// What happens on it.
    pub status: Arc<ConnectionStatus>,
}

impl NatsAccess {
    /// Reads every secret and certificate that the settings name.
    ///
    /// # Errors
    /// All that is wrong; never empty.
    pub fn check(settings: &NatsSettings) -> Result<NatsAccess, Vec<CredentialsError>> {
        let mut errors = Vec::new();
        let mut servers = Vec::new();
        for server in &settings.servers {
            match server_address(server) {
                Ok(address) => servers.push(address),
                Err(why) => {
                    let server = server.rsplit_once('@').map_or(server.as_str(), |(_, host)| host).to_owned();
                    errors.push(CredentialsError::Server { server, why });
                }
            }
        }
        if settings.servers.is_empty() {
            errors.push(CredentialsError::Server { server: String::new(), why: "none is configured".to_owned() });
        }
        errors.extend(answer(&settings.auth, b"nonce").err());
        errors.extend(tls::check(&settings.tls));
        if errors.is_empty() { Ok(NatsAccess { settings: settings.clone(), servers }) } else { Err(errors) }
    }

    /// Connects, however long that takes; dropping the future ends the attempts.
    ///
    /// `batch` is the most messages a subscription will be sent unread; `part` is told how things stand, now and later.
    pub async fn connect(&self, batch: usize, part: HealthPart) -> NatsConnection {
        let status = Arc::new(ConnectionStatus::default());
        let reporter =
            ConnectionReporter { servers: self.settings.servers.join(", "), part, status: Arc::clone(&status) };
        let options = self.options(batch, &reporter);
        let mut attempt = 1;
        loop {
            match options.clone().connect(self.servers.as_slice()).await {
                Ok(client) => {
                    // Users of the connection may read its state before its event arrives here.
                    let _ = tokio::time::timeout(CONNECTION_TIMEOUT, status.up()).await;
                    let context = async_nats::jetstream::context::ContextBuilder::new().timeout(REQUEST_TIMEOUT);
                    return NatsConnection { jetstream: context.build(client.clone()), client, status };
                }
                Err(error) => reporter.failed(&error.to_string()),
            }
            tokio::time::sleep(backoff(attempt)).await;
            attempt += 1;
        }
    }

    fn options(&self, batch: usize, reporter: &ConnectionReporter) -> ConnectOptions {
        let NatsSettings { name, auth, tls, .. } = &self.settings;
        let options = if *auth == NatsAuth::None { ConnectOptions::new() } else { with_auth(auth.clone()) };
        // A server found through a cluster has an address without a scheme: if one wants TLS, all do.
        let tls_required = tls.is_required() || self.servers.iter().any(ServerAddr::tls_required);
        let (events, attempts) = (reporter.clone(), reporter.clone());
        let mut options = options
            .name(name)
            .require_tls(tls_required)
            .custom_inbox_prefix(INBOX_PREFIX)
            .ping_interval(PING_INTERVAL)
            .connection_timeout(CONNECTION_TIMEOUT)
            .request_timeout(Some(REQUEST_TIMEOUT))
            .client_capacity(COMMANDS)
            .subscription_capacity((2 * batch + 1_024).max(SUBSCRIPTION_MIN))
            .reconnect_delay_callback(backoff)
            .event_callback(move |event| {
                events.event(&event);
                std::future::ready(())
            })
            // Called before each round of attempts: the only place that tells why the last one failed.
            .reconnect_to_server_callback(move |servers, _| {
                attempts.attempt(&servers);
                std::future::ready(None)
            });
        if let Some(file) = &tls.ca_file {
            options = options.add_root_certificates(file.clone());
        }
        if let (Some(cert), Some(key)) = (&tls.cert_file, &tls.key_file) {
            options = options.add_client_certificate(cert.clone(), key.clone());
        }
        options
    }
}

impl NatsConnection {
    /// Whether the server is of this version or newer.
    pub fn server_is_at_least(&self, major: i64, minor: i64) -> bool {
        self.client.is_server_compatible(major, minor, 0)
    }
}

fn server_address(server: &str) -> Result<ServerAddr, String> {
    let address: ServerAddr = server.parse().map_err(|why: std::io::Error| why.to_string())?;
    if !["nats", "tls"].contains(&address.scheme()) {
        return Err(format!("`{}` is not a way to reach one", address.scheme()));
    }
    if address.host().is_empty() {
        return Err("it names no host".to_owned());
    }
    if address.username().is_some() || address.password().is_some() {
        return Err("it holds credentials, which belong in the [nats] settings".to_owned());
    }
    Ok(address)
}

fn with_auth(auth: NatsAuth) -> ConnectOptions {
    ConnectOptions::with_auth_callback(move |nonce| {
        std::future::ready(answer(&auth, &nonce).map_err(async_nats::AuthError::new))
    })
}

/// How long to wait before the `attempt`th attempt in a row, from 1: nothing at first, then longer and longer, up to
/// two seconds, and by chance up to a quarter less, so that many clients don't come at once.
fn backoff(attempt: usize) -> Duration {
    let Some(doublings) = attempt.checked_sub(2) else { return Duration::ZERO };
    let doublings = u32::try_from(doublings).unwrap_or(u32::MAX).min(10);
    let longest = (BACKOFF_FIRST * 2_u32.pow(doublings)).min(BACKOFF_LAST);
    longest - longest.mul_f64(0.25 * chance())
}

/// Tells health and the log how the connection stands: each state once, not each attempt.
#[derive(Clone)]
struct ConnectionReporter {
    servers: String,
    part: HealthPart,
    status: Arc<ConnectionStatus>,
}

impl ConnectionReporter {
    fn event(&self, event: &Event) {
        match event {
            Event::Connected => {
                self.status.connected();
                if self.part.works() {
                    info!("connected to NATS at {}", self.servers);
                }
            }
            Event::Disconnected => {
                self.status.disconnected();
                if self.part.failing(format!("the connection to NATS at {} was lost; reconnecting", self.servers)) {
                    warn!("the connection to NATS at {} was lost; reconnecting", self.servers);
                }
            }
            Event::SlowConsumer(_) => self.status.dropped(),
            Event::ServerError(ServerError::Other(text)) => self.server_error(text),
            Event::ServerError(other) => self.server_error(&other.to_string()),
            // The only word there is of a name that can't be resolved; other kinds come with a better reason.
            Event::ClientError(error) if error.to_string().contains("DNS") => self.failed(&error.to_string()),
            Event::ClientError(_) => {}
            Event::LameDuckMode => info!("the NATS server is about to shut down; its clients move to another"),
            Event::Draining | Event::Closed => {}
        }
    }

    fn server_error(&self, text: &str) {
        match self.status.server_error(text) {
            Some(denial) => error!("{denial}"),
            None if text.to_lowercase().contains("permissions violation") => {}
            None => warn!("the NATS server says: {text}"),
        }
    }

    fn attempt(&self, servers: &[Server]) {
        let errors: Vec<&str> = servers.iter().filter_map(|server| server.last_error.as_deref()).collect();
        // A credential that is refused is refused everywhere; else the servers' reasons are as good as each other.
        let reason = errors.iter().find(|text| failure::explain(text).needs_hands).or(errors.first());
        if let Some(reason) = reason {
            self.failed(reason);
        }
    }

    fn failed(&self, error: &str) {
        let ConnectFailure { why, needs_hands } = failure::explain(error);
        let sentence = format!("no connection to NATS at {}: {why}", self.servers);
        if self.part.failing(sentence.clone()) {
            if needs_hands { error!("{sentence}; retrying") } else { warn!("{sentence}; retrying") }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rekindle_settings::{Secret, TlsSettings};

    #[test]
    fn waits_grow_to_two_seconds_and_no_further() {
        assert_eq!(backoff(0), Duration::ZERO);
        assert_eq!(backoff(1), Duration::ZERO);
        for attempt in 2..200 {
            let longest = (BACKOFF_FIRST * 2_u32.pow(10.min(attempt - 2))).min(BACKOFF_LAST);
            let wait = backoff(attempt as usize);
            assert!(wait <= longest && wait >= longest.mul_f64(0.74), "{attempt}: {wait:?}");
        }
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let settings = NatsSettings {
            servers: vec!["http://a".to_owned(), "nats://bob:hunter2@b:4222".to_owned(), "nats://ok:4222".to_owned()],
            auth: NatsAuth::Token(Secret::File("/no/token".into())),
            tls: TlsSettings {
                required: false,
                ca_file: Some("/no/ca.pem".into()),
                cert_file: Some("/no/cert.pem".into()),
                key_file: None,
            },
            ..NatsSettings::default()
        };
        let errors: Vec<String> = NatsAccess::check(&settings).unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(errors.len(), 5, "{errors:#?}");
        assert!(errors[1].starts_with("`b:4222` is not the address"), "{errors:#?}");
        assert!(!errors.concat().contains("hunter2"), "{errors:#?}");
        assert!(errors[3].contains("nats.tls.ca_file") && errors[4].contains("nats.tls.key_file"), "{errors:#?}");
    }
}
