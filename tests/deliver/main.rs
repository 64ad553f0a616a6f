//! Delivery over HTTP and SMTP: the requests, and receivers that misbehave.

mod acceptor;
mod encrypted;
mod harness;
mod hostile;
mod mail_server;
mod mails;
mod receiver;
mod recipes;
mod requests;
