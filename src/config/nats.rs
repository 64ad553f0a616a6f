//! `[nats]`: how to reach the servers, and as whom.

use std::path::PathBuf;

/// `[nats]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nats {
    /// Where the servers are: `nats://host:port` or `tls://host:port`, without credentials.
    pub servers: Vec<String>,
    /// The connection's name, as operators of the server see it.
    pub name: String,
    /// Who connects.
    pub auth: Auth,
    /// `[nats.tls]`
    pub tls: Tls,
}

/// Who connects. At most one way is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// Nobody in particular.
    None,
    /// A name and a password.
    User {
        /// The name.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A token.
    Token(Secret),
    /// An nkey's seed.
    Nkey(Secret),
    /// A credentials file: a JWT and the seed that goes with it.
    Creds(Secret),
}

/// Where a secret is: in a file, or given by the environment. Never in the settings file, never printed.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// The file that holds it; blanks around it don't count. Read anew at every connection, so it can be rotated.
    File(PathBuf),
    /// The secret itself, from an environment variable.
    Environment(String),
}

/// `[nats.tls]`: encryption, and who the server must be.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Tls {
    /// Refuse servers without TLS. A `tls://` server requires it too.
    pub required: bool,
    /// Certificates (PEM) of the authorities to trust, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// The client's certificate (PEM); with `key_file`.
    pub cert_file: Option<PathBuf>,
    /// The key (PEM) of the client's certificate.
    pub key_file: Option<PathBuf>,
}

impl Default for Nats {
    fn default() -> Self {
        Nats {
            servers: vec!["nats://127.0.0.1:4222".to_owned()],
            name: "rekindle".to_owned(),
            auth: Auth::None,
            tls: Tls::default(),
        }
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Secret::File(path) => write!(f, "the secret in {}", path.display()),
            Secret::Environment(_) => f.write_str("a secret from the environment"),
        }
    }
}
