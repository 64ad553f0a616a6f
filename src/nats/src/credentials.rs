//! Who connects: reads secrets, and answers the server's challenge with them.
//!
//! Secrets in files are read at each connection and never kept, printed or logged.

use std::fs;

use nkeys::KeyPair;
use thiserror::Error;

use rekindle_settings::{NatsAuth, Secret};

/// Something that the settings name and that is of no use.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum CredentialsError {
    /// A file can't be read.
    #[error("could not read the {what} in {file}: {cause}")]
    Unreadable {
        /// What it should hold.
        what: &'static str,
        /// The file.
        file: String,
        /// Why.
        cause: String,
    },
    /// A secret or certificate is not one.
    #[error("the {what} {place} is of no use: {why}")]
    Malformed {
        /// What it should be.
        what: &'static str,
        /// Where it is.
        place: String,
        /// What is wrong, and what would be right.
        why: String,
    },
    /// An address of a server is not one.
    #[error("`{server}` is not the address of a NATS server: {why}; write nats://host:port or tls://host:port")]
    Server {
        /// The address, without credentials.
        server: String,
        /// What is wrong.
        why: String,
    },
}

/// What the settings say of who connects, made into an answer to the server's challenge.
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
            let text = read(creds, "credentials")?;
            let (jwt, seed) = parse_creds(&text).ok_or_else(|| CredentialsError::Malformed {
                what: "credentials",
                place: place(creds),
                why: "they must hold a user JWT and an nkey seed, each between lines of dashes, as `nsc` writes them"
                    .to_owned(),
            })?;
            answer.signature = Some(sign(&key_pair(seed, creds, "credentials")?, nonce, creds)?);
            answer.jwt = Some(jwt.to_owned());
        }
    }
    Ok(answer)
}

fn read(secret: &Secret, what: &'static str) -> Result<String, CredentialsError> {
    let text = match secret {
        Secret::Environment(text) => text.clone(),
        Secret::File(path) => fs::read_to_string(path).map_err(|cause| CredentialsError::Unreadable {
            what,
            file: path.display().to_string(),
            cause: cause.to_string(),
        })?,
    };
    let text = text.trim();
    if text.is_empty() {
        return Err(CredentialsError::Malformed { what, place: place(secret), why: "it is empty".to_owned() });
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
    // The library's reason may quote the seed's first letters; ours says what a seed looks like.
    let malformed = |_| CredentialsError::Malformed {
        what,
        place: place(secret),
        why: "a user's nkey seed begins with SU and has 58 letters and digits, whole and unchanged".to_owned(),
    };
    KeyPair::from_seed(seed).map_err(malformed)
}

fn sign(pair: &KeyPair, nonce: &[u8], secret: &Secret) -> Result<Vec<u8>, CredentialsError> {
    pair.sign(nonce).map_err(|why| CredentialsError::Malformed {
        what: "nkey seed",
        place: place(secret),
        why: format!("it can't sign: {why}"),
    })
}

/// The JWT and the seed: what stands in the lines after the first and the second line that says `BEGIN`.
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
    fn blanks_around_a_secret_do_not_count() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "  s3cr3t\r\n\n").unwrap();
        let answer = answer(&NatsAuth::Token(Secret::File(file.path().to_owned())), b"nonce").unwrap();
        assert_eq!(answer.token.as_deref(), Some("s3cr3t"));
    }

    #[test]
    fn an_nkey_signs_the_challenge_and_shows_its_public_side_only() {
        let pair = KeyPair::new_user();
        let answer = answer(&NatsAuth::Nkey(env(&pair.seed().unwrap())), b"challenge").unwrap();
        assert_eq!(answer.nkey, Some(pair.public_key()));
        pair.verify(b"challenge", &answer.signature.unwrap()).unwrap();
    }

    #[test]
    fn credentials_are_read_as_nsc_writes_them() {
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
    fn what_is_no_secret_is_said_without_saying_it() {
        let gone = Secret::File("/no/such/file".into());
        for (auth, message) in [
            (NatsAuth::Token(env(" \n")), "the token from the environment is of no use: it is empty"),
            (NatsAuth::Nkey(env("SUSECRET")), "the nkey seed from the environment is of no use: a user's nkey seed"),
            (NatsAuth::Creds(env("SUSECRET")), "the credentials from the environment is of no use: they must hold"),
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
