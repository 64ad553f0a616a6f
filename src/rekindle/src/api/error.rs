//! Why the API can't be served.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;

/// Why the API can't be served. All of these show at the start.
#[derive(Debug, Error)]
pub enum ApiError {
    /// The token's file can't be read.
    #[error("could not read the API's token from {}: {source}; make the file readable for this user", path.display())]
    TokenFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The token can't be sent in a header.
    #[error("could not use {secret} as the API's token: it {why}; write one line of visible ASCII characters")]
    Token {
        /// Where it is, never what it is.
        secret: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The token for reading would let everybody change things, or keeps nobody out.
    #[error(
        "the token of http.read_token_file must differ from that of http.token_file, and there must be that one, too"
    )]
    SameTokens,
    /// Other machines could use the API without a token.
    #[error(
        "refused to serve the API on {0} without a token: others can reach that address; set http.token_file, or listen \
         on 127.0.0.1"
    )]
    Exposed(SocketAddr),
}
