//! Receivers over TLS whose certificates are from an authority of their own.

use std::fs;
use std::path::Path;

use rekindle_deliver::client::DestinationClient;
use rekindle_deliver::status::DeliveryResult;
use rekindle_test_kit::authority::Authority;

use crate::acceptor::acceptor;
use crate::harness::{Harness, destination, until};
use crate::receiver::{Answer, Receiver};

fn trusting(authority: &Authority, folder: &Path, port: u16) -> String {
    let path = folder.join("ca.pem");
    fs::write(&path, authority.pem()).expect("a file");
    let path = path.display();
    format!("name = 'd'\nurl = 'https://localhost:{port}/hook'\nallow_private = true\nca_file = '{path}'\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_receiver_of_the_named_authority_gets_requests() {
    let (harness, folder) = (Harness::start().await, tempfile::tempdir().expect("a folder"));
    let (ours, other) = (Authority::default(), Authority::default());
    let taking = |_: &_, _| Answer::With(200, "", "");
    let right = Receiver::encrypted(acceptor(&ours, "localhost"), taking).await;
    let wrong = Receiver::encrypted(acceptor(&other, "localhost"), taking).await;
    let to_right = harness.deliver(&destination(&trusting(&ours, folder.path(), right.port))).await;
    let settings = trusting(&ours, folder.path(), wrong.port).replace("name = 'd'", "name = 'wrong'");
    let to_wrong = harness.deliver(&destination(&settings)).await;
    harness.publish("u", 7, "2999-01-01T00:00:00Z").await;
    until("it is taken", async || to_right.status.results(DeliveryResult::Delivered) == 1).await;
    until("it is tried again", async || to_wrong.status.retries() > 0).await;
    assert_eq!(right.numbers(), [7]);
    assert!(wrong.requests().is_empty());
    to_right.stop().await;
    to_wrong.stop().await;
}

#[test]
fn a_file_without_certificates_is_refused_at_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ca.pem");
    for (text, why) in [(None, "ca.pem: No such file"), (Some("no certificate"), "holds no certificates in PEM")] {
        if let Some(text) = text {
            fs::write(&path, text).expect("a file");
        }
        for url in ["smtps://mail.example", "https://shop.example/hook"] {
            let body = if url.starts_with("smtps") {
                "body = { from = 'a@b.example', to = 'c@d.example', subject = 's', text = 't' }"
            } else {
                ""
            };
            let settings = destination(&format!("name = 'd'\nurl = '{url}'\nca_file = '{}'\n{body}", path.display()));
            let error = DestinationClient::new(&settings).expect_err("it is refused").to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
