//! Delivery over HTTP: the requests, and a receiver that misbehaves.

mod harness;
mod hostile;
mod receiver;
mod recipes;
mod requests;
