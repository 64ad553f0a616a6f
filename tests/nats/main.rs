//! The connection, the source and the sink against a real nats-server.

mod connect;
mod harness;
mod permissions;
mod running_source;
mod sink;
mod source;
