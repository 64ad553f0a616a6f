//! The schedule of faults: a pure function of a seed and of the number of faults of each kind.
//!
//! The daemon, the servers and the network each have a list of their own, which are executed at the same time, so that
//! faults occur alone and together.

use std::time::Duration;

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// The number of faults of each kind.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FaultCounts {
    /// The daemon is killed.
    pub(super) kills: u32,
    /// The daemon is stopped until another has taken over, then continued.
    pub(super) zombies: u32,
    /// A server is killed: the only one, or the leader of the outputs.
    pub(super) servers: u32,
    /// The network fails.
    pub(super) network: u32,
}

/// A fault, with the time since the one before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct FaultTime<Trouble> {
    pub(super) after: Duration,
    pub(super) trouble: Trouble,
}

/// What happens to the daemon.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum DaemonFault {
    /// It is killed, and started again after this time.
    Kill { down: Duration },
    /// It is stopped, another one is started, and after this time it is continued.
    Zombie { asleep: Duration },
}

/// A server is killed, and started again after this time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ServerOutage {
    pub(super) down: Duration,
}

/// What happens to the network between the daemon and the server.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum NetworkFault {
    /// Connections break, and can be made again at once.
    Cut,
    /// Connections break, and none can be made for this time.
    Gone { lasts: Duration },
    /// Nothing passes for this time, and connections stay open.
    Stall { lasts: Duration },
    /// Connections are slow for this time.
    Slow { lasts: Duration, bytes_per_second: u64 },
}

/// All faults.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FaultSchedule {
    pub(super) daemon: Vec<FaultTime<DaemonFault>>,
    pub(super) servers: Vec<FaultTime<ServerOutage>>,
    pub(super) network: Vec<FaultTime<NetworkFault>>,
}

impl FaultSchedule {
    /// The same seed and counts give the same schedule.
    pub(super) fn new(seed: u64, counts: FaultCounts) -> FaultSchedule {
        // Each list has its own dice: more of one trouble does not change the others.
        let dice = |list: u64| FaultRandom(Xoshiro256PlusPlus::seed_from_u64(seed.wrapping_add(list << 32)));
        let (mut daemon, mut servers, mut network) = (dice(1), dice(2), dice(3));
        FaultSchedule {
            daemon: daemon.blows(counts),
            servers: (0..counts.servers).map(|_| servers.outage()).collect(),
            network: (0..counts.network).map(|_| network.trouble()).collect(),
        }
    }
}

/// The daemon declares a connection broken after 2.5 s of silence.
const ASLEEP_MS: (u64, u64) = (3_000, 5_000);

struct FaultRandom(Xoshiro256PlusPlus);

impl FaultRandom {
    fn ms(&mut self, (least, most): (u64, u64)) -> Duration {
        Duration::from_millis(self.0.random_range(least..=most))
    }

    fn blows(&mut self, counts: FaultCounts) -> Vec<FaultTime<DaemonFault>> {
        let kills = (0..counts.kills).map(|_| true);
        let mut kinds: Vec<bool> = kills.chain((0..counts.zombies).map(|_| false)).collect();
        kinds.shuffle(&mut self.0);
        let blows = kinds.into_iter().map(|is_kill| {
            // One in four comes while the daemon still starts and recovers.
            let after = if self.0.random_ratio(1, 4) { (20, 400) } else { (400, 3_000) };
            let after = self.ms(after);
            let trouble = match is_kill {
                true => DaemonFault::Kill { down: self.ms((0, 800)) },
                false => DaemonFault::Zombie { asleep: self.ms(ASLEEP_MS) },
            };
            FaultTime { after, trouble }
        });
        blows.collect()
    }

    fn outage(&mut self) -> FaultTime<ServerOutage> {
        FaultTime { after: self.ms((1_000, 5_000)), trouble: ServerOutage { down: self.ms((0, 2_000)) } }
    }

    fn trouble(&mut self) -> FaultTime<NetworkFault> {
        let after = self.ms((300, 3_000));
        let trouble = match self.0.random_range(0..5_u32) {
            0 | 1 => NetworkFault::Cut,
            2 => NetworkFault::Gone { lasts: self.ms((100, 2_000)) },
            3 => NetworkFault::Stall { lasts: self.ms((100, 6_000)) },
            _ => NetworkFault::Slow {
                lasts: self.ms((500, 3_000)),
                bytes_per_second: self.0.random_range(20_000..=1_000_000),
            },
        };
        FaultTime { after, trouble }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNTS: FaultCounts = FaultCounts { kills: 40, zombies: 10, servers: 20, network: 50 };

    #[test]
    fn the_same_seed_gives_the_same_troubles() {
        assert_eq!(FaultSchedule::new(7, COUNTS), FaultSchedule::new(7, COUNTS));
        assert_ne!(FaultSchedule::new(7, COUNTS), FaultSchedule::new(8, COUNTS));
    }

    #[test]
    fn everything_goes_wrong_as_often_as_was_asked() {
        let schedule = FaultSchedule::new(3, COUNTS);
        let kills = schedule.daemon.iter().filter(|moment| matches!(moment.trouble, DaemonFault::Kill { .. })).count();
        assert_eq!((kills, schedule.daemon.len()), (40, 50));
        assert_eq!((schedule.servers.len(), schedule.network.len()), (20, 50));
        let slow = |moment: &&FaultTime<_>| matches!(moment.trouble, NetworkFault::Slow { .. });
        assert!(schedule.network.iter().any(|moment| slow(&moment)), "each kind comes");
    }

    #[test]
    fn more_of_one_trouble_does_not_change_the_others() {
        let more = FaultSchedule::new(3, FaultCounts { network: 80, ..COUNTS });
        let less = FaultSchedule::new(3, COUNTS);
        assert_eq!((&more.daemon, &more.servers), (&less.daemon, &less.servers));
        assert_eq!(more.network[..50], less.network);
    }
}
