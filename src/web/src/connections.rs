//! The limits of open connections: in all and per address, and a reserve beyond them for questions about health.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

/// The number of connections beyond those that [`ConnectionLimits`] admits, for requests about health.
const RESERVE: usize = 64;

/// How long a connection of the reserve is kept before a newer one takes its place: long enough for a request, and short enough
/// that an idle client delays no other.
const GRACE: Duration = Duration::from_millis(100);

/// The bits of an IPv6 address that identify one customer of a network, usually.
const NETWORK_BITS: u32 = 64;

/// How many connections may be open at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionsMax {
    /// In all.
    pub total: usize,
    /// Of one address.
    pub per_address: usize,
}

/// Counts the open connections.
pub(super) struct ConnectionLimits {
    held: Mutex<ConnectionCounts>,
    max: ConnectionsMax,
}

#[derive(Default)]
struct ConnectionCounts {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// Room for a connection, until it is dropped.
pub(super) struct ConnectionSlot {
    connections: Arc<ConnectionLimits>,
    address: IpAddr,
}

impl ConnectionLimits {
    pub(super) fn new(max: ConnectionsMax) -> Arc<ConnectionLimits> {
        Arc::new(ConnectionLimits { held: Mutex::default(), max })
    }

    /// Room for a connection from there, if there is some.
    pub(super) fn admit(self: &Arc<ConnectionLimits>, address: IpAddr) -> Option<ConnectionSlot> {
        let address = network(address);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let of_address = held.by_address.get(&address).copied().unwrap_or(0);
        if held.total >= self.max.total || of_address >= self.max.per_address {
            return None;
        }
        held.total += 1;
        held.by_address.insert(address, of_address + 1);
        Some(ConnectionSlot { connections: Arc::clone(self), address })
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        let mut held = self.connections.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.total -= 1;
        if let Some(of_address) = held.by_address.get_mut(&self.address) {
            *of_address -= 1;
            if *of_address == 0 {
                held.by_address.remove(&self.address);
            }
        }
    }
}

/// What counts as one address: the whole IPv6 network that one customer usually has.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << NETWORK_BITS))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// The connections beyond those admitted. The oldest makes room for a new one.
#[derive(Default)]
pub(super) struct ConnectionReserve {
    held: VecDeque<(Instant, AbortHandle)>,
}

impl ConnectionReserve {
    /// Waits until there is room for another one, or the oldest has been there long enough, and then ends that.
    pub(super) async fn room(&mut self) {
        self.held.retain(|(_, connection)| !connection.is_finished());
        if self.held.len() >= RESERVE
            && let Some((since, oldest)) = self.held.pop_front()
        {
            sleep_until(since + GRACE).await;
            oldest.abort();
        }
    }

    /// Takes one in.
    pub(super) fn add(&mut self, connection: AbortHandle) {
        self.held.push_back((Instant::now(), connection));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn one_address_has_its_share_and_all_together_theirs() {
        let connections = ConnectionLimits::new(ConnectionsMax { total: 3, per_address: 2 });
        let admit = |from: &str| connections.admit(address(from));
        let (first, second) = (admit("10.0.0.1"), admit("::ffff:10.0.0.1"));
        assert!(first.is_some() && second.is_some());
        assert!(admit("10.0.0.1").is_none(), "a third of one address");
        let third = admit("2001:db8::1");
        assert!(third.is_some() && admit("10.0.0.2").is_none(), "a fourth of all");
        drop(first);
        let again = admit("10.0.0.1");
        assert!(again.is_some() && admit("10.0.0.3").is_none());
        drop((second, third, again));
        let held = connections.held.lock().expect("not poisoned");
        assert_eq!((held.total, held.by_address.len()), (0, 0), "nothing is kept of closed connections");
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let connections = ConnectionLimits::new(ConnectionsMax { total: 10, per_address: 2 });
        let held: Vec<_> = (1..4).map(|host| connections.admit(address(&format!("2001:db8::{host}")))).collect();
        assert_eq!(held.iter().filter(|slot| slot.is_some()).count(), 2);
        assert!(connections.admit(address("2001:db8:0:1::1")).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_of_the_reserve_makes_room_once_it_had_time_for_a_request() {
        let (mut reserve, mut connections) = (ConnectionReserve::default(), Vec::new());
        let began = Instant::now();
        for _ in 0..RESERVE {
            reserve.room().await;
            let connection = tokio::spawn(std::future::pending::<()>());
            reserve.add(connection.abort_handle());
            connections.push(connection);
        }
        assert_eq!(began.elapsed(), Duration::ZERO);
        reserve.room().await;
        assert_eq!(began.elapsed(), GRACE);
        tokio::task::yield_now().await;
        let ended = connections.iter().take_while(|connection| connection.is_finished()).count();
        assert_eq!((ended, reserve.held.len()), (1, RESERVE - 1));
        // A connection that was answered has ended, so none is ended early for the next.
        connections[5].abort();
        tokio::task::yield_now().await;
        reserve.room().await;
        assert_eq!((began.elapsed(), reserve.held.len()), (GRACE, RESERVE - 2));
    }
}
