//! A mail server whose replies the test decides.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

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
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let mails = Arc::new(Mutex::new(Vec::new()));
        let room = Arc::new(MailRoom { script: Box::new(script), named: Mutex::default(), mails: Arc::clone(&mails) });
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let room = Arc::clone(&room);
                tokio::spawn(async move {
                    let _ = serve(stream, &room).await;
                });
            }
        });
        MailServer { port, mails }
    }

    pub(crate) fn mails(&self) -> Vec<ReceivedMail> {
        self.mails.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve(stream: TcpStream, room: &MailRoom) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 mail.test\r\n").await?;
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
    }
}
