//! A mail server whose replies the test decides.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// What becomes of a mail.
#[derive(Clone, Copy, Debug)]
pub(crate) enum MailReply {
    /// It is taken: 250.
    Take,
    /// Its recipient is refused with this line.
    Refuse(&'static str),
    /// It is taken, and the connection ends before the server says so.
    Cut,
    /// The server says nothing any more.
    Silence,
}

/// A mail that came in whole.
#[derive(Clone, Debug)]
pub(crate) struct ReceivedMail {
    pub(crate) recipient: String,
    pub(crate) text: String,
}

impl ReceivedMail {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let head = self.text.split("\r\n\r\n").next().unwrap_or_default();
        head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// How connections are encrypted.
#[derive(Clone)]
pub(crate) enum Encryption {
    None,
    /// From the first byte.
    Implicit(TlsAcceptor),
    /// When the client asks for it; nothing is taken before.
    StartTls(TlsAcceptor),
}

type MailScript = dyn Fn(usize) -> MailReply + Send + Sync;

/// A mail server on a port of this machine.
pub(crate) struct MailServer {
    pub(crate) port: u16,
    mails: Arc<Mutex<Vec<ReceivedMail>>>,
}

/// What its connections share.
struct MailRoom {
    script: Box<MailScript>,
    /// How many recipients were named before.
    named: Mutex<usize>,
    mails: Arc<Mutex<Vec<ReceivedMail>>>,
}

impl MailServer {
    /// Replies as the script says, which is told how many mails were begun before.
    pub(crate) async fn start(script: impl Fn(usize) -> MailReply + Send + Sync + 'static) -> MailServer {
        MailServer::encrypted(Encryption::None, script).await
    }

    pub(crate) async fn encrypted(
        encryption: Encryption,
        script: impl Fn(usize) -> MailReply + Send + Sync + 'static,
    ) -> MailServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let mails = Arc::new(Mutex::new(Vec::new()));
        let room = Arc::new(MailRoom { script: Box::new(script), named: Mutex::default(), mails: Arc::clone(&mails) });
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (room, encryption) = (Arc::clone(&room), encryption.clone());
                tokio::spawn(async move {
                    let _ = accept(stream, encryption, &room).await;
                });
            }
        });
        MailServer { port, mails }
    }

    pub(crate) fn mails(&self) -> Vec<ReceivedMail> {
        self.mails.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn accept(stream: TcpStream, encryption: Encryption, room: &MailRoom) -> std::io::Result<()> {
    match encryption {
        Encryption::None => serve(BufReader::new(stream), true, room).await,
        Encryption::Implicit(acceptor) => serve(BufReader::new(acceptor.accept(stream).await?), true, room).await,
        Encryption::StartTls(acceptor) => {
            let mut plain = BufReader::new(stream);
            plain.write_all(b"220 mail.test\r\n").await?;
            let mut line = String::new();
            while !line.starts_with("STARTTLS") {
                if !line.is_empty() {
                    let answer = match line.starts_with("EHLO") {
                        true => "250-mail.test\r\n250 STARTTLS\r\n",
                        false => "530 Must issue a STARTTLS command first\r\n",
                    };
                    plain.write_all(answer.as_bytes()).await?;
                }
                line.clear();
                if plain.read_line(&mut line).await? == 0 {
                    return Ok(());
                }
            }
            plain.write_all(b"220 go ahead\r\n").await?;
            serve(BufReader::new(acceptor.accept(plain.into_inner()).await?), false, room).await
        }
    }
}

async fn serve<S>(mut stream: BufReader<S>, greets: bool, room: &MailRoom) -> std::io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if greets {
        stream.write_all(b"220 mail.test\r\n").await?;
        stream.flush().await?;
    }
    let (mut line, mut reply, mut recipient) = (String::new(), MailReply::Take, String::new());
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let command = line.trim_end();
        let answer = match command.split(' ').next().unwrap_or_default() {
            "EHLO" => "250-mail.test\r\n250-8BITMIME\r\n250 AUTH PLAIN",
            "AUTH" if command == "AUTH PLAIN AHNob3AAc2VjcmV0" => "235 welcome",
            "AUTH" => "535 wrong password",
            "RCPT" => {
                let before = {
                    let mut named = room.named.lock().unwrap_or_else(PoisonError::into_inner);
                    *named += 1;
                    *named - 1
                };
                recipient = command.to_owned();
                reply = (room.script)(before);
                match reply {
                    MailReply::Refuse(answer) => answer,
                    MailReply::Silence => std::future::pending().await,
                    _ => "250 fine",
                }
            }
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await?;
                stream.flush().await?;
                let mut text = String::new();
                while !text.ends_with("\r\n.\r\n") && stream.read_line(&mut text).await? > 0 {}
                let mail = ReceivedMail { recipient: recipient.clone(), text };
                room.mails.lock().unwrap_or_else(PoisonError::into_inner).push(mail);
                if matches!(reply, MailReply::Cut) {
                    return Ok(());
                }
                "250 taken"
            }
            "QUIT" => {
                stream.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => "250 fine",
        };
        stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
        stream.flush().await?;
    }
}
