//! Reads secrets, and answers the server's challenge with them.
//!
//! Secrets in files are read at each connection and never kept, printed or logged.

use std::{fs, io};

use nkeys::KeyPair;
use thiserror::Error;

use rekindle_settings::{NatsAuth, Secret};

/// Something that the settings name and that can't be used.
#[derive(Debug, Error)]
pub enum CredentialsError {
    /// A file can't be read.
    #[error("could not read the {what} in {file}: {source}")]
    Unreadable {
        /// What it should hold.
        what: &'static str,
        /// The file.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// A secret or certificate has the wrong form.
    #[error("the {what} {place} can't be used: {source}")]
    Malformed {
        /// What it should be.
        what: &'static str,
        /// Where it is.
        place: String,
        /// What is wrong.
        source: SecretError,
    },
    /// An address is not that of a server.
    #[error("`{server}` is not the address of a NATS server: {source}; write nats://host:port or tls://host:port")]
    Server {
        /// The address, without credentials.
        server: String,
        /// What is wrong.
        source: ServerAddressError,
    },
    /// There are no addresses.
    #[error("no address of a NATS server is configured; write nats://host:port or tls://host:port")]
    NoServer,
}

/// What is wrong with a secret or certificate. Never quotes it.
#[derive(Debug, Error)]
pub enum SecretError {
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// It is not a credentials file.
    #[error("it must hold a user JWT and an nkey seed, each between lines of dashes, as `nsc` writes them")]
    NotCredentials,
    /// It is not a seed. The library's reason may quote the seed's first letters, so it is not kept.
    #[error("a user's nkey seed begins with SU and has 58 letters and digits, complete and unchanged")]
    NotSeed,
    /// A seed that can't sign.
    #[error("it can't sign: {0}")]
    Signing(#[source] nkeys::error::Error),
    /// It is not PEM.
    #[error("it is not PEM: {0}")]
    NotPem(#[source] rustls::pki_types::pem::Error),
    /// There is no certificate in it.
    #[error("there is no PEM certificate in it")]
    NoCertificate,
    /// There is no key in it.
    #[error("there is no unencrypted PEM key in it")]
    NoPrivateKey,
    /// A certificate is not that of an authority.
    #[error("{0}")]
    Authority(#[source] rustls::Error),
    /// Certificate and key do not belong together.
    #[error("it does not belong to the certificate: {0}")]
    KeyMismatch(#[source] rustls::Error),
    /// A certificate without its key.
    #[error("its key is missing: set nats.tls.key_file")]
    KeyMissing,
    /// A key without its certificate.
    #[error("its certificate is missing: set nats.tls.cert_file")]
    CertificateMissing,
}

/// What is wrong with the address of a server.
#[derive(Debug, Error)]
pub enum ServerAddressError {
    /// It can't be parsed.
    #[error("{0}")]
    Malformed(#[source] io::Error),
    /// Neither `nats` nor `tls`.
    #[error("the scheme `{0}` is unknown")]
    UnknownScheme(String),
    /// There is no host in it.
    #[error("it names no host")]
    NoHost,
    /// There are credentials in it.
    #[error("it holds credentials, which belong in the [nats] settings")]
    Credentials,
}

/// The answer to the server's challenge with the credentials of the settings.
pub(super) fn answer(auth: &NatsAuth, nonce: &[u8]) -> Result<async_nats::Auth, CredentialsError> {
    let mut answer = async_nats::Auth::new();
    match auth {
        NatsAuth::None => {}
        NatsAuth::User { user, password } => {
            answer.username = Some(user.clone());
            answer.password = Some(read(password, "password")?);
        }
        NatsAuth::Token(token) => answer.token = Some(read(token, "token")?),
        NatsAuth::Nkey(seed) => {
            let pair = key_pair(&read(seed, "nkey seed")?, seed, "nkey seed")?;
            answer.signature = Some(sign(&pair, nonce, seed)?);
            answer.nkey = Some(pair.public_key());
        }
        NatsAuth::Creds(creds) => {
            let text = read(creds, "credentials file")?;
            let (jwt, seed) = parse_creds(&text).ok_or_else(|| CredentialsError::Malformed {
                what: "credentials file",
                place: place(creds),
                source: SecretError::NotCredentials,
            })?;
            answer.signature = Some(sign(&key_pair(seed, creds, "credentials file")?, nonce, creds)?);
            answer.jwt = Some(jwt.to_owned());
        }
    }
    Ok(answer)
}

fn read(secret: &Secret, what: &'static str) -> Result<String, CredentialsError> {
    let text = match secret {
        Secret::Environment(text) => text.clone(),
        Secret::File(path) => fs::read_to_string(path).map_err(|source| CredentialsError::Unreadable {
            what,
            file: path.display().to_string(),
            source,
        })?,
    };
    let text = text.trim();
    if text.is_empty() {
        return Err(CredentialsError::Malformed { what, place: place(secret), source: SecretError::Empty });
    }
    Ok(text.to_owned())
}

fn place(secret: &Secret) -> String {
    match secret {
        Secret::File(path) => format!("in {}", path.display()),
        Secret::Environment(_) => "from the environment".to_owned(),
    }
}

fn key_pair(seed: &str, secret: &Secret, what: &'static str) -> Result<KeyPair, CredentialsError> {
    let malformed = |_| CredentialsError::Malformed { what, place: place(secret), source: SecretError::NotSeed };
    KeyPair::from_seed(seed).map_err(malformed)
}

fn sign(pair: &KeyPair, nonce: &[u8], secret: &Secret) -> Result<Vec<u8>, CredentialsError> {
    pair.sign(nonce).map_err(|source| CredentialsError::Malformed {
        what: "nkey seed",
        place: place(secret),
        source: SecretError::Signing(source),
    })
}

/// The JWT and the seed: the lines after the first and the second line with `BEGIN`.
fn parse_creds(text: &str) -> Option<(&str, &str)> {
    let mut parts = text.split("-----BEGIN ").skip(1).map(|part| part.lines().nth(1).unwrap_or_default().trim());
    let (jwt, seed) = (parts.next()?, parts.next()?);
    let is_jwt = jwt.split('.').count() == 3;
    (is_jwt && !seed.is_empty()).then_some((jwt, seed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(text: &str) -> Secret {
        Secret::Environment(text.to_owned())
    }

    #[test]
    fn blanks_around_a_secret_are_ignored() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "  s3cr3t\r\n\n").unwrap();
        let answer = answer(&NatsAuth::Token(Secret::File(file.path().to_owned())), b"nonce").unwrap();
        assert_eq!(answer.token.as_deref(), Some("s3cr3t"));
    }

    #[test]
    fn an_nkey_signs_the_challenge_and_sends_its_public_key_only() {
        let pair = KeyPair::new_user();
        let answer = answer(&NatsAuth::Nkey(env(&pair.seed().unwrap())), b"challenge").unwrap();
        assert_eq!(answer.nkey, Some(pair.public_key()));
        pair.verify(b"challenge", &answer.signature.unwrap()).unwrap();
    }

    #[test]
    fn credentials_are_parsed_as_nsc_writes_them() {
        let pair = KeyPair::new_user();
        let text = format!(
            "-----BEGIN NATS USER JWT-----\r\naaa.bbb.ccc\r\n------END NATS USER JWT------\r\n\r\n*** IMPORTANT ***\r\n\
             -----BEGIN USER NKEY SEED-----\r\n{}\r\n------END USER NKEY SEED------\r\n",
            pair.seed().unwrap()
        );
        let answer = answer(&NatsAuth::Creds(env(&text)), b"challenge").unwrap();
        assert_eq!(answer.jwt.as_deref(), Some("aaa.bbb.ccc"));
        pair.verify(b"challenge", &answer.signature.unwrap()).unwrap();
    }

    #[test]
    fn a_malformed_secret_is_reported_without_quoting_it() {
        let gone = Secret::File("/no/such/file".into());
        for (auth, message) in [
            (NatsAuth::Token(env(" \n")), "the token from the environment can't be used: it is empty"),
            (NatsAuth::Nkey(env("SUSECRET")), "the nkey seed from the environment can't be used: a user's nkey seed"),
            (NatsAuth::Creds(env("SUSECRET")), "the credentials file from the environment can't be used: it must hold"),
            (
                NatsAuth::User { user: "u".to_owned(), password: gone },
                "could not read the password in /no/such/file: No",
            ),
        ] {
            let error = answer(&auth, b"nonce").err().expect("refused").to_string();
            assert!(error.starts_with(message), "{error}");
            assert!(!error.contains("SUSECRET"), "{error}");
        }
    }
}
