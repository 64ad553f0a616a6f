//! Why a connection fails, in a sentence for operators.
//!
//! async-nats reports the reason of a failed reconnection only as text, so it is recognized by its text. A text that is not
//! recognized is passed on as it is.

/// A reason, and whether an operator must act.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ConnectFailure {
    /// The sentence.
    pub(super) reason: String,
    /// Retrying does not help: credentials, certificates.
    pub(super) needs_operator: bool,
}

/// Parts of texts, what they mean, and whether an operator must act. The first that is found counts.
const KNOWN: &[(&str, &str, bool)] = &[
    ("failed signing nonce", "the credentials can't be read", true),
    ("authentication expired", "the credentials have expired: renew them", true),
    ("authentication revoked", "the credentials were revoked: get new ones", true),
    (
        "authorization violation",
        "the server refuses the credentials (authorization violation): check [nats] in the settings against the \
         server's users",
        true,
    ),
    ("authorization timeout", "the server did not get the credentials in time", false),
    (
        "unknownissuer",
        "the server's certificate comes from an authority that is not trusted here: set nats.tls.ca_file to that \
         authority's certificate",
        true,
    ),
    ("certificate expired", "the server's certificate has expired: renew it", true),
    ("not valid for name", "the server's certificate is for another host: use the name it was issued for", true),
    ("notvalidforname", "the server's certificate is for another host: use the name it was issued for", true),
    ("invalid peer certificate", "the server's certificate is not acceptable", true),
    (
        "certificaterequired",
        "the server requires a client certificate: set nats.tls.cert_file and nats.tls.key_file",
        true,
    ),
    ("received fatal alert", "the server refuses the client's certificate, or its version of TLS", true),
    ("invalidcontenttype", "TLS is required here, and the server does not speak it", true),
    ("could not load", "the certificates can't be read", true),
    ("connection refused", "nobody listens there: is nats-server running?", false),
    ("dns error", "the host's name can't be resolved", false),
    ("failed to lookup address", "the host's name can't be resolved", false),
    ("timed out", "the server does not answer", false),
    ("maximum connections exceeded", "the server has reached its limit of connections", false),
    ("expected info", "what listens there is not a NATS server, or closed the connection at once", false),
];

/// Recognizes an error of async-nats.
pub(super) fn explain(error: &str) -> ConnectFailure {
    let lower = error.to_lowercase();
    match KNOWN.iter().find(|(part, _, _)| lower.contains(part)) {
        Some((_, reason, needs_operator)) => {
            ConnectFailure { reason: format!("{reason} ({error})"), needs_operator: *needs_operator }
        }
        None => ConnectFailure { reason: error.to_owned(), needs_operator: false },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_named_and_the_original_kept() {
        let failure = explain("IO error: invalid peer certificate: UnknownIssuer");
        assert!(failure.needs_operator);
        assert!(
            failure.reason.contains("nats.tls.ca_file") && failure.reason.ends_with("UnknownIssuer)"),
            "{failure:?}"
        );
        assert!(!explain("IO error: Connection refused (os error 111)").needs_operator);
    }

    #[test]
    fn an_unknown_error_is_passed_on() {
        assert_eq!(explain("broken pipe"), ConnectFailure { reason: "broken pipe".to_owned(), needs_operator: false });
    }
}
