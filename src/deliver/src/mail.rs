//! Sends mails over SMTP. What a request says over HTTP, it says here in its own way: `body` has the fields of a mail, `headers`
//! its further headers, and `Authorization` (Basic) the user and password.
//!
//! Encrypted always, unless private addresses are allowed and no authorities named: `smtps://` from the first byte, `smtp://` by STARTTLS. The server's
//! addresses are resolved and checked for each connection, as for HTTP. A mail is sent on a thread that may wait.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lettre::address::Envelope;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{Certificate, SmtpConnection, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, Message};
use rekindle_settings::DestinationSettings;
use reqwest::Url;
use serde_json::Value;

use crate::address::is_public;
use crate::answer::ReceiverAnswer;
use crate::client::{SendError, causes, read_authorities};
use crate::request::OutboundRequest;

/// Headers of a request that are none of a mail.
const NOT_OF_MAILS: [&str; 3] = ["authorization", "content-type", "idempotency-key"];

/// The client of a destination that is a mail server.
#[derive(Clone, Debug)]
pub struct MailClient {
    server: Arc<MailServer>,
}

struct MailServer {
    host: String,
    port: u16,
    /// Encrypted from the first byte; else by STARTTLS.
    is_encrypted: bool,
    allow_private: bool,
    /// Whether a server that offers no encryption is refused.
    needs_encryption: bool,
    timeout: Duration,
    tls: TlsParameters,
    /// Connections without a mail in progress.
    idle: Mutex<Vec<SmtpConnection>>,
    idle_max: usize,
}

/// A mail as it is sent.
#[derive(Debug)]
pub struct OutboundMail {
    envelope: Envelope,
    /// Headers and text.
    bytes: Vec<u8>,
    credentials: Option<Credentials>,
}

/// Whether an address is that of a mail server.
pub fn is_mail(url: &str) -> bool {
    url.starts_with("smtps://") || url.starts_with("smtp://")
}

impl MailClient {
    /// Opens no connection yet.
    ///
    /// # Errors
    /// The address is none, or the system's certificates or those of `ca_file` can't be used.
    pub fn new(settings: &DestinationSettings) -> Result<MailClient, SendError> {
        let url: Url = settings.url.parse().map_err(|_| SendError::Address("it can't be parsed".to_owned()))?;
        let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
        let is_encrypted = url.scheme() == "smtps";
        let unusable = |error: lettre::transport::smtp::Error| SendError::Client(causes(&error));
        let mut tls = TlsParameters::builder(host.clone());
        if let Some(pem) = read_authorities(settings)? {
            tls = tls.add_root_certificate(Certificate::from_pem(&pem).map_err(unusable)?);
        }
        let tls = tls.build_rustls().map_err(unusable)?;
        let server = MailServer {
            host,
            port: url.port().unwrap_or(if is_encrypted { 465 } else { 587 }),
            is_encrypted,
            allow_private: settings.allow_private,
            needs_encryption: !settings.allow_private || settings.ca_file.is_some(),
            timeout: Duration::from_millis(u64::try_from(settings.timeout.0).unwrap_or(0)),
            tls,
            idle: Mutex::default(),
            idle_max: usize::from(settings.concurrency),
        };
        Ok(MailClient { server: Arc::new(server) })
    }

    /// Sends a mail. The answer's status is the server's reply code.
    ///
    /// # Errors
    /// There is no reply, or it is no mail.
    pub async fn send(&self, request: &OutboundRequest) -> Result<ReceiverAnswer, SendError> {
        let mail = OutboundMail::of(request)?;
        let addresses = self.server.addresses().await?;
        let (server, timeout) = (Arc::clone(&self.server), self.server.timeout);
        let sending = tokio::task::spawn_blocking(move || server.send(&mail, &addresses));
        match tokio::time::timeout(timeout, sending).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => Err(SendError::Connection(error.to_string())),
            Err(_) => Err(SendError::TimedOut(timeout)),
        }
    }
}

impl MailServer {
    fn send(&self, mail: &OutboundMail, addresses: &[SocketAddr]) -> Result<ReceiverAnswer, SendError> {
        let mut connection = match self.idle_connection() {
            Some(connection) => connection,
            None => match self.connect(addresses, mail.credentials.as_ref())? {
                Ok(connection) => connection,
                Err(refusal) => return Ok(refusal),
            },
        };
        match connection.send(&mail.envelope, &mail.bytes) {
            Ok(response) => {
                let body = response.first_line().unwrap_or_default().as_bytes().to_vec();
                self.keep(connection);
                Ok(ReceiverAnswer { status: code(&response.code().to_string()), retry_after: None, body })
            }
            Err(error) => of_error(&error),
        }
    }

    fn keep(&self, connection: SmtpConnection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.idle_max {
            idle.push(connection);
        }
    }

    /// A connection that still works.
    fn idle_connection(&self) -> Option<SmtpConnection> {
        loop {
            let mut connection = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            if connection.test_connected() {
                return Some(connection);
            }
        }
    }

    /// Connects and authenticates; what the server replied if it does not want that.
    fn connect(
        &self,
        addresses: &[SocketAddr],
        credentials: Option<&Credentials>,
    ) -> Result<Result<SmtpConnection, ReceiverAnswer>, SendError> {
        let hello = ClientId::default();
        let tls = self.is_encrypted.then_some(&self.tls);
        let mut connection = match SmtpConnection::connect(addresses, Some(self.timeout), &hello, tls, None) {
            Ok(connection) => connection,
            Err(error) => return of_error(&error).map(Err),
        };
        if !self.is_encrypted {
            if connection.can_starttls() {
                if let Err(error) = connection.starttls(&self.tls, &hello) {
                    return of_error(&error).map(Err);
                }
            } else if self.needs_encryption {
                return Err(SendError::Address("the server offers no encryption (STARTTLS)".to_owned()));
            }
        }
        if let Some(credentials) = credentials
            && let Err(error) = connection.auth(DEFAULT_MECHANISMS, credentials)
        {
            return of_error(&error).map(Err);
        }
        Ok(Ok(connection))
    }

    /// The server's addresses, only public ones unless private ones are allowed.
    async fn addresses(&self) -> Result<Vec<SocketAddr>, SendError> {
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await;
        let found: Vec<SocketAddr> = found.map_err(|error| SendError::Connection(error.to_string()))?.collect();
        let allowed = |address: &&SocketAddr| self.allow_private || is_public(address.ip());
        let usable: Vec<SocketAddr> = found.iter().filter(allowed).copied().collect();
        match (usable.is_empty(), found.first()) {
            (false, _) => Ok(usable),
            (true, Some(private)) => Err(SendError::Private(private.ip())),
            (true, None) => Err(SendError::Connection("its name has no address".to_owned())),
        }
    }
}

impl OutboundMail {
    /// The mail that a request is.
    ///
    /// # Errors
    /// An address is none, or a field is missing.
    pub fn of(request: &OutboundRequest) -> Result<OutboundMail, SendError> {
        let fields: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let field = |name: &str| fields[name].as_str().map(str::trim).filter(|text| !text.is_empty());
        let mailbox = |address: &str, name: &str| match field(address) {
            Some(text) => {
                let parsed: Result<Address, _> = text.parse();
                let parsed = parsed.map_err(|error| SendError::Address(format!("`{address}`: {error}")))?;
                Ok(Mailbox::new(field(name).map(one_line), parsed))
            }
            None => Err(SendError::Address(format!("the mail has no `{address}`"))),
        };
        let (from, to) = (mailbox("from", "from_name")?, mailbox("to", "to_name")?);
        let header = |name: &str| {
            let found = request.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.as_str())
        };
        // The same output has the same id, so that a mail that comes twice can be told.
        let id = format!("<{}@{}>", header("idempotency-key").unwrap_or_default(), from.email.domain());
        let mut builder = Message::builder().from(from).to(to).message_id(Some(id));
        builder = builder.subject(field("subject").map(one_line).unwrap_or_default());
        if field("reply_to").is_some() {
            builder = builder.reply_to(mailbox("reply_to", "reply_to_name")?);
        }
        let built = match (field("text"), field("html")) {
            (Some(text), Some(html)) => {
                builder.multipart(MultiPart::alternative_plain_html(text.to_owned(), html.to_owned()))
            }
            (None, Some(html)) => builder.singlepart(SinglePart::html(html.to_owned())),
            (Some(text), None) => builder.singlepart(SinglePart::plain(text.to_owned())),
            (None, None) => return Err(SendError::Address("the mail has neither `text` nor `html`".to_owned())),
        };
        let mut message = built.map_err(|error| SendError::Address(error.to_string()))?;
        for (name, value) in &request.headers {
            if NOT_OF_MAILS.iter().any(|other| name.eq_ignore_ascii_case(other)) {
                continue;
            }
            if let Ok(name) = HeaderName::new_from_ascii(name.clone()) {
                message.headers_mut().insert_raw(HeaderValue::new(name, value.clone()));
            }
        }
        let credentials = header("authorization").and_then(credentials);
        Ok(OutboundMail { envelope: message.envelope().clone(), bytes: message.formatted(), credentials })
    }

    /// Headers and text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// Without the connections.
impl fmt::Debug for MailServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailServer").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

/// Header fields have one line, whatever an event brought.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The user and password of Basic authentication.
fn credentials(header: &str) -> Option<Credentials> {
    let decoded = STANDARD.decode(header.strip_prefix("Basic ")?).ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some(Credentials::new(user.to_owned(), password.to_owned()))
}

/// What an error is: a reply of the server, or none.
fn of_error(error: &lettre::transport::smtp::Error) -> Result<ReceiverAnswer, SendError> {
    match error.status() {
        Some(status) => {
            let body = causes(error).into_bytes();
            Ok(ReceiverAnswer { status: code(&status.to_string()), retry_after: None, body })
        }
        None if error.is_client() => Err(SendError::Address(causes(error))),
        None => Err(SendError::Connection(causes(error))),
    }
}

fn code(text: &str) -> u16 {
    text.parse().unwrap_or(0)
}
