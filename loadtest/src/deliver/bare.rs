//! Bare clients: the same bodies to the same receiver, without a stream, an order or an acknowledgement.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::DeliverLoadArgs;
use super::actions::action;
use crate::error::Error;
use crate::prepared_client::PreparedClient;

/// For how long.
const TOOK: Duration = Duration::from_secs(3);

/// Requests per second of as many clients as there are requests at a time.
pub(super) async fn requests_per_second(args: &DeliverLoadArgs, port: u16) -> Result<f64, Error> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut clients = JoinSet::new();
    let started = Instant::now();
    for _ in 0..args.concurrency {
        let mut client = PreparedClient::connect(address).await?;
        // A number that no action of the backlog has.
        let body = action(args, u32::MAX);
        let head = format!("POST /actions HTTP/1.1\r\nHost: loadtest\r\nContent-Length: {}\r\n\r\n", body.len());
        let request = [head.as_bytes(), &body].concat();
        clients.spawn(async move {
            let mut requests = 0_u64;
            while started.elapsed() < TOOK {
                client.send(&request).await?;
                requests += 1;
            }
            Ok::<u64, Error>(requests)
        });
    }
    let mut requests = 0;
    while let Some(client) = clients.join_next().await {
        requests += client.map_err(|_| Error::Unreadable("a client has died".to_owned()))??;
    }
    Ok(requests as f64 / started.elapsed().as_secs_f64())
}
