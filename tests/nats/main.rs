//! The connection, the source and the sink against a real nats-server.

mod connect;
mod harness;
mod live;
mod permissions;
mod sink;
mod source;
