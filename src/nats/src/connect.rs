//! Establishes the connection, and reports its state to health and the log.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{ConnectOptions, Event, Server, ServerAddr, ServerError};
use tracing::{error, info, warn};

use super::connect_failure::{self, ConnectFailure};
use super::credentials::{CredentialsError, ServerAddressError, answer};
use super::retry::{self, RetryState};
use super::status::ConnectionStatus;
use super::{INBOX_PREFIX, tls};
use rekindle_runtime::health::HealthPart;
use rekindle_settings::{NatsAuth, NatsSettings};

/// The loss of a peer that does not close the connection is noticed after two to three of these.
const PING_INTERVAL: Duration = Duration::from_secs(5);
/// How long one server may take to accept the connection.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the response to a request, or an acknowledgement, may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// The number of commands that may wait for the connection before their issuers must wait.
const COMMAND_QUEUE_CAPACITY: usize = 4_096;
/// The least capacity of a subscription, in messages.
const SUBSCRIPTION_CAPACITY_MIN: usize = 65_536;

/// Settings of which everything that they name was found to be usable.
#[derive(Clone, Debug)]
pub struct NatsAccess {
    settings: NatsSettings,
    servers: Vec<ServerAddr>,
}

/// A connection that reconnects by itself. Cheap to clone; clones share it.
#[derive(Clone, Debug)]
pub struct NatsConnection {
    /// For publishing and subscribing.
    pub client: async_nats::Client,
    /// For JetStream.
    pub jetstream: async_nats::jetstream::Context,
    /// Its state and counters.
    pub status: Arc<ConnectionStatus>,
}

impl NatsAccess {
    /// Reads every secret and certificate that the settings name.
    ///
    /// # Errors
    /// All mistakes; never empty.
    pub fn check(settings: &NatsSettings) -> Result<NatsAccess, Vec<CredentialsError>> {
        let mut errors = Vec::new();
        let mut servers = Vec::new();
        for server in &settings.servers {
            match server_address(server) {
                Ok(address) => servers.push(address),
                Err(source) => {
                    let server = server.rsplit_once('@').map_or(server.as_str(), |(_, host)| host).to_owned();
                    errors.push(CredentialsError::Server { server, source });
                }
            }
        }
        if settings.servers.is_empty() {
            errors.push(CredentialsError::NoServer);
        }
        errors.extend(answer(&settings.auth, b"nonce").err());
        errors.extend(tls::check(&settings.tls));
        if errors.is_empty() { Ok(NatsAccess { settings: settings.clone(), servers }) } else { Err(errors) }
    }

    /// Connects, and retries for as long as it takes; dropping the future ends the attempts.
    ///
    /// `batch` is the most messages that the source requests at a time; the state of the connection is reported to `part`, now
    /// and later.
    pub async fn connect(&self, batch: usize, part: HealthPart) -> NatsConnection {
        let status = Arc::new(ConnectionStatus::default());
        let reporter =
            ConnectionReporter { servers: self.settings.servers.join(", "), part, status: Arc::clone(&status) };
        let options = self.options(batch, &reporter);
        let mut retries = RetryState::new(retry::RECONNECT);
        loop {
            match options.clone().connect(self.servers.as_slice()).await {
                Ok(client) => {
                    // Users of the connection may read its state before its event arrives here.
                    let _ = tokio::time::timeout(CONNECTION_TIMEOUT, status.up()).await;
                    return NatsConnection::new(client, status);
                }
                Err(error) => reporter.report_failure(&error.to_string()),
            }
            retries.record_failure();
            tokio::time::sleep(retries.delay()).await;
        }
    }

    fn options(&self, batch: usize, reporter: &ConnectionReporter) -> ConnectOptions {
        let NatsSettings { name, auth, tls, .. } = &self.settings;
        let options = if *auth == NatsAuth::None { ConnectOptions::new() } else { with_auth(auth.clone()) };
        // A server found through a cluster has an address without a scheme: if one requires TLS, all do.
        let tls_required = tls.is_required() || self.servers.iter().any(ServerAddr::tls_required);
        let (events, attempts) = (reporter.clone(), reporter.clone());
        let mut options = options
            .name(name)
            .require_tls(tls_required)
            .custom_inbox_prefix(INBOX_PREFIX)
            .ping_interval(PING_INTERVAL)
            .connection_timeout(CONNECTION_TIMEOUT)
            .request_timeout(Some(REQUEST_TIMEOUT))
            .client_capacity(COMMAND_QUEUE_CAPACITY)
            .subscription_capacity((2 * batch + 1_024).max(SUBSCRIPTION_CAPACITY_MIN))
            .reconnect_delay_callback(retry::reconnect_delay)
            .event_callback(move |event| {
                events.report_event(&event);
                std::future::ready(())
            })
            // Called before each round of attempts: nothing else reports why the last one failed.
            .reconnect_to_server_callback(move |servers, _| {
                attempts.report_attempt(&servers);
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
    /// A client with its JetStream context; the events of the client must be reported to `status`.
    pub fn new(client: async_nats::Client, status: Arc<ConnectionStatus>) -> NatsConnection {
        let context = async_nats::jetstream::context::ContextBuilder::new().timeout(REQUEST_TIMEOUT);
        NatsConnection { jetstream: context.build(client.clone()), client, status }
    }

    /// Whether the server is of this version or newer.
    pub fn server_is_at_least(&self, major: i64, minor: i64) -> bool {
        self.client.is_server_compatible(major, minor, 0)
    }
}

fn server_address(server: &str) -> Result<ServerAddr, ServerAddressError> {
    let address: ServerAddr = server.parse().map_err(ServerAddressError::Malformed)?;
    if !["nats", "tls"].contains(&address.scheme()) {
        return Err(ServerAddressError::UnknownScheme(address.scheme().to_owned()));
    }
    if address.host().is_empty() {
        return Err(ServerAddressError::NoHost);
    }
    if address.username().is_some() || address.password().is_some() {
        return Err(ServerAddressError::Credentials);
    }
    Ok(address)
}

fn with_auth(auth: NatsAuth) -> ConnectOptions {
    ConnectOptions::with_auth_callback(move |nonce| {
        std::future::ready(answer(&auth, &nonce).map_err(async_nats::AuthError::new))
    })
}

/// Reports the state of the connection to health and the log: each change once, not each attempt.
#[derive(Clone)]
struct ConnectionReporter {
    servers: String,
    part: HealthPart,
    status: Arc<ConnectionStatus>,
}

impl ConnectionReporter {
    fn report_event(&self, event: &Event) {
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
            Event::ServerError(ServerError::Other(text)) => self.report_server_error(text),
            Event::ServerError(other) => self.report_server_error(&other.to_string()),
            // Nothing else reports a name that can't be resolved; other errors are reported with a better reason.
            Event::ClientError(error) if error.to_string().contains("DNS") => self.report_failure(&error.to_string()),
            Event::ClientError(_) => {}
            Event::LameDuckMode => info!("the NATS server is about to shut down; clients reconnect to another one"),
            Event::Draining | Event::Closed => {}
        }
    }

    fn report_server_error(&self, text: &str) {
        match self.status.server_error(text) {
            Some(denial) => error!("{denial}"),
            None if text.to_lowercase().contains("permissions violation") => {}
            None => warn!("the NATS server reports: {text}"),
        }
    }

    fn report_attempt(&self, servers: &[Server]) {
        let errors: Vec<&str> = servers.iter().filter_map(|server| server.last_error.as_deref()).collect();
        // Credentials that are refused are refused by all servers; otherwise any server's reason will do.
        let reason = errors.iter().find(|text| connect_failure::explain(text).needs_operator).or(errors.first());
        if let Some(reason) = reason {
            self.report_failure(reason);
        }
    }

    fn report_failure(&self, error: &str) {
        let ConnectFailure { reason, needs_operator } = connect_failure::explain(error);
        let sentence = format!("no connection to NATS at {}: {reason}", self.servers);
        if self.part.failing(sentence.clone()) {
            if needs_operator { error!("{sentence}; retrying") } else { warn!("{sentence}; retrying") }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rekindle_settings::{Secret, TlsSettings};

    #[test]
    fn all_mistakes_are_reported_at_once() {
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
