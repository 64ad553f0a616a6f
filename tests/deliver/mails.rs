//! Mails over SMTP, to a server that misbehaves.

use std::fs;
use std::path::Path;

use rekindle_deliver::status::DeliveryResult;
use rekindle_test_kit::authority::Authority;
use rstest::rstest;
use tokio_rustls::TlsAcceptor;

use crate::acceptor::acceptor;
use crate::harness::{Harness, destination, until};
use crate::mail_server::{Encryption, MailReply, MailServer};

const LATER: &str = "2999-01-01T00:00:00Z";

fn mail_to(port: u16, more: &str) -> String {
    format!(
        "name = 'd'\nurl = 'smtp://127.0.0.1:{port}'\nallow_private = true\nchannels = ['push']\n{more}\n\
         body = {{ from = 'hello@shop.example', to = '{{{{ data.payload.email }}}}', subject = 'Nr. {{{{ data.n }}}}', text = 'Hi' }}\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_greylisted_mail_is_sent_again_and_one_whose_reply_was_lost_with_the_same_id() {
    let harness = Harness::start().await;
    let server = MailServer::start(|before| match before {
        0 => MailReply::Refuse("451 4.7.1 greylisted, try again"),
        1 => MailReply::Cut,
        _ => MailReply::Take,
    })
    .await;
    let running = harness.deliver(&destination(&mail_to(server.port, "concurrency = 1"))).await;
    for number in 0..3 {
        harness.publish(&format!("user {number}"), number, LATER).await;
    }
    until("all are taken", async || running.status.results(DeliveryResult::Delivered) == 3).await;
    let mails = server.mails();
    assert_eq!(mails.len(), 4, "only the one whose reply was lost comes twice: {mails:?}");
    assert!(mails.iter().all(|mail| mail.recipient == "RCPT TO:<a@b.example>"), "{mails:?}");
    let ids = |number: &str| -> Vec<String> {
        let subject = format!("Nr. {number}");
        let of = mails.iter().filter(|mail| mail.header("Subject") == Some(&*subject));
        of.map(|mail| mail.header("Message-ID").expect("an id").to_owned()).collect()
    };
    let twice = ids("1");
    assert_eq!(twice.len(), 2, "{mails:?}");
    assert_eq!(twice[0], twice[1]);
    assert!(twice[0].ends_with("@shop.example>"), "{twice:?}");
    assert_eq!(running.status.retries(), 2);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_is_refused_for_good_is_kept_and_one_of_a_silent_server_is_sent_again() {
    let harness = Harness::start().await;
    let server = MailServer::start(|before| match before {
        0 => MailReply::Refuse("550 5.1.1 no such user"),
        1 => MailReply::Silence,
        _ => MailReply::Take,
    })
    .await;
    let settings = mail_to(server.port, "concurrency = 1\ntimeout = '500ms'");
    let running = harness.deliver(&destination(&settings)).await;
    for number in 0..2 {
        harness.publish(&format!("user {number}"), number, LATER).await;
    }
    until("one is taken", async || running.status.results(DeliveryResult::Delivered) == 1).await;
    until("one is given up", async || running.status.results(DeliveryResult::Failed) == 1).await;
    let kept = harness.undelivered().await;
    let [kept] = kept.as_slice() else { panic!("{kept:?}") };
    assert!(kept["reason"].as_str().is_some_and(|reason| reason.contains("status 550")), "{kept}");
    assert_eq!(kept["event"]["data"]["n"], 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_asks_for_user_and_password() {
    let (harness, folder) = (Harness::start().await, tempfile::tempdir().expect("a folder"));
    let server = MailServer::start(|_| MailReply::Take).await;
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    let (user, password, wrong) = (file("user", "shop\n"), file("password", "secret"), file("wrong", "x"));
    let with = |name: &str, password: &str| {
        let more = format!(
            "secrets = {{ user = '{user}', password = '{password}' }}\n\
             headers = {{ Authorization = '{{{{ secret.user | basic(secret.password) }}}}' }}"
        );
        mail_to(server.port, &more).replace("name = 'd'", &format!("name = '{name}'"))
    };
    let right = harness.deliver(&destination(&with("right", &password))).await;
    let refused = harness.deliver(&destination(&with("refused", &wrong))).await;
    harness.publish("u", 1, LATER).await;
    until("it is taken", async || right.status.results(DeliveryResult::Delivered) == 1).await;
    until("it is refused", async || refused.status.results(DeliveryResult::Failed) == 1).await;
    assert_eq!(server.mails().len(), 1);
    right.stop().await;
    refused.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_servers_in_ones_own_network_are_refused_unless_allowed() {
    let harness = Harness::start().await;
    let server = MailServer::start(|_| MailReply::Take).await;
    let settings = mail_to(server.port, "").replace("allow_private = true\n", "");
    let running = harness.deliver(&destination(&settings)).await;
    harness.publish("u", 1, LATER).await;
    until("it is given up", async || running.status.results(DeliveryResult::Failed) == 1).await;
    assert!(harness.undelivered().await[0]["reason"].as_str().is_some_and(|why| why.contains("private address")));
    assert!(server.mails().is_empty());
    running.stop().await;
}

/// Settings of a destination that trusts an authority.
fn trusting(authority: &Authority, folder: &Path, scheme: &str, port: u16) -> String {
    let path = folder.join("ca.pem");
    fs::write(&path, authority.pem()).expect("a file");
    let more = format!("ca_file = '{}'\ntimeout = '2s'", path.display());
    mail_to(port, &more).replace("smtp://127.0.0.1", &format!("{scheme}://localhost"))
}

#[rstest]
#[case::from_the_first_byte("smtps", Encryption::Implicit)]
#[case::once_asked_for("smtp", Encryption::StartTls)]
#[tokio::test(flavor = "multi_thread")]
async fn mails_are_encrypted(#[case] scheme: &str, #[case] encryption: fn(TlsAcceptor) -> Encryption) {
    let (harness, folder, authority) =
        (Harness::start().await, tempfile::tempdir().expect("a folder"), Authority::default());
    let server = MailServer::encrypted(encryption(acceptor(&authority, "localhost")), |_| MailReply::Take).await;
    let settings = trusting(&authority, folder.path(), scheme, server.port);
    let running = harness.deliver(&destination(&settings)).await;
    for number in 0..3 {
        harness.publish(&format!("user {number}"), number, LATER).await;
    }
    until("all are taken", async || running.status.results(DeliveryResult::Delivered) == 3).await;
    assert_eq!(server.mails().len(), 3);
    running.stop().await;
}

/// None of these servers gets a mail: it is tried again until it expires.
#[rstest]
#[case::of_another_authority("smtps", |_: &Authority| Encryption::Implicit(acceptor(&Authority::default(), "localhost")))]
#[case::for_another_host("smtps", |ours: &Authority| Encryption::Implicit(acceptor(ours, "shop.example")))]
#[case::of_another_authority_once_asked_for("smtp", |_: &Authority| Encryption::StartTls(acceptor(&Authority::default(), "localhost")))]
#[case::without_encryption("smtp", |_: &Authority| Encryption::None)]
#[tokio::test(flavor = "multi_thread")]
async fn no_mail_goes_to_a_server_that_can_not_be_trusted(
    #[case] scheme: &str,
    #[case] encryption: fn(&Authority) -> Encryption,
) {
    let (harness, folder, authority) =
        (Harness::start().await, tempfile::tempdir().expect("a folder"), Authority::default());
    let server = MailServer::encrypted(encryption(&authority), |_| MailReply::Take).await;
    let settings = trusting(&authority, folder.path(), scheme, server.port);
    let running = harness.deliver(&destination(&settings)).await;
    harness.publish("u", 1, LATER).await;
    until("it was refused", async || running.status.retries() + running.status.results(DeliveryResult::Failed) > 0)
        .await;
    assert!(server.mails().is_empty());
    running.stop().await;
}
