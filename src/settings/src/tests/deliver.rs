//! `[[deliver]]`: what is read, and what is wrong with it.

use std::path::Path;

use super::{mistakes, only_mistake, read};
use crate::{BodyFormat, BodyTemplate, RequestMethod, SigningScheme};
use rekindle_core::time::Span;

/// A destination with more keys.
fn with(more: &str) -> String {
    format!("[[deliver]]\nname = 'a'\nurl = 'https://h'\n{more}\n")
}

#[test]
fn a_destination_is_read() {
    let read = read(
        "[[deliver]]
        name = 'mail'
        channels = ['email']
        url = 'https://h.example/{{ data.user }}'
        method = 'PUT'
        format = 'form'
        headers = { Authorization = 'Bearer {{ secret.key }}' }
        secrets = { key = 'key.txt' }
        require = ['data.payload.email']
        rate = 7
        concurrency = 3
        timeout = '2s'
        allow_private = true
        report = true
        body = { n = 1, t = '{{ id }}', l = ['x'] }
        signing = { scheme = 'dingtalk', secret_files = ['sign.txt'] }
        answer = { success = 'answer.errcode == 0' }
        [[deliver]]
        name = 'other'
        url = 'https://h.example'
        batch = { size = 5 }",
    );
    let [mail, other] = read.deliver.as_slice() else { panic!("{:?}", read.deliver) };
    assert_eq!((mail.method, mail.format, mail.rate, mail.concurrency), (RequestMethod::Put, BodyFormat::Form, 7, 3));
    assert_eq!((mail.timeout, mail.allow_private, mail.report), (Span(2_000), true, true));
    assert_eq!(mail.secrets["key"], Path::new("/etc/rekindle/key.txt"));
    let signing = mail.signing.as_ref().unwrap();
    assert_eq!((signing.scheme, signing.secret_files.len()), (SigningScheme::Dingtalk, 1));
    let Some(BodyTemplate::Table(pairs)) = &mail.body else { panic!("{:?}", mail.body) };
    assert_eq!(pairs[2], ("t".to_owned(), BodyTemplate::Template("{{ id }}".to_owned())));
    assert_eq!(other.batch.as_ref().map(|batch| (batch.size, batch.wait)), Some((5, Span(1_000))));
    assert_eq!(read.files.len(), 2);
}

#[test]
fn every_mistake_is_reported_at_its_place() {
    for (text, place, message) in [
        (with("method = 'SEND'"), "'SEND'", "must be one of"),
        (with("headers = { Authorization = 'Bearer abc' }"), "'Bearer abc'", "secrets don't stand in this file"),
        (with("headers = { Host = 'x' }"), "'x'", "set by the client itself"),
        (with("headers = { 'a b' = 'x' }"), "'x'", "not the name of a header"),
        (with("body = { a = ['{{ user }}'] }"), "'{{ user }}'", "refers to `user`"),
        (with("body = { a = '{{ data.' }"), "'{{ data.'", "is not right"),
        (with("body = { a = '{{ data.x | nofilter }}' }"), "'{{ data.x | nofilter }}'", "nofilter"),
        (with("require = ['payload.email']"), "'payload.email'", "refers to `payload`"),
        (with("answer = { success = 'data.x' }"), "'data.x'", "refers to `data`"),
        (with("concurrency = 0"), "0", "concurrency"),
        (with("format = 'form'\nbatch = { size = 2 }"), "{ size = 2 }", "only one output"),
        (with("batch = { size = 2, envelope = { a = 1 } }"), "{ a = 1 }", "holds the outputs"),
        (with("secrets = { k = 'f' }"), "{ k = 'f' }", "no template uses"),
        (with("channels = ['a.b']"), "'a.b'", "not a name of the rules"),
        (with("colour = 1"), "colour", "unknown key"),
        (with("report = true\n[source]\nsubjects = ['web.>']\n[collect]"), "true", "none of the events' subjects"),
    ] {
        let (found, at, _) = only_mistake(&text);
        assert!(found.contains(message), "{text}: {found}");
        assert_eq!(at, place, "{text}");
    }
    for (url, message) in [
        ("http://h", "not encrypted"),
        ("ftp://h", "no address of a web server"),
        ("https://u:p@h/", "credentials"),
        ("https://{{ data.host }}/", "host that is not fixed"),
        ("https:///x", "no address of a web server"),
        ("smtps://mail.example/x", "something behind the host"),
        ("smtp://mail.example:smtp", "not the host and port"),
    ] {
        let (found, ..) = only_mistake(&format!("[[deliver]]\nname = 'a'\nurl = '{url}'\n"));
        assert!(found.contains(message), "{url}: {found}");
    }
    let mail = "[[deliver]]\nname = 'a'\nurl = 'smtps://mail.example:465'\n";
    let body = "body = { from = 'a@b.example', to = '{{ data.payload.email }}', subject = 's', text = 't' }\n";
    assert_eq!(read(&format!("{mail}{body}")).deliver[0].url, "smtps://mail.example:465");
    for (more, message) in [
        ("", "needs the fields of a mail"),
        ("body = { from = 'a@b.example', to = 'c@d.example', subject = 's' }", "neither `text` nor `html`"),
        ("body = { from = 'a@b.example', subject = 's', html = 'x' }", "no `to`"),
        (&format!("{body}batch = {{ size = 2 }}"), "knows no `batch`"),
        (&body.replace("text", "txt = 'x', text"), "no field `txt`"),
    ] {
        let (found, ..) = only_mistake(&format!("{mail}{more}"));
        assert!(found.contains(message), "{more}: {found}");
    }
    assert_eq!(mistakes("[[deliver]]\nmethod = 'GET'\n").len(), 2, "no name, no address");
    let twice = format!("{}{}", with(""), with(""));
    assert!(mistakes(&twice)[0].0.contains("two destinations"));
}
