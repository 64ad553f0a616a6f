//! Chance, from a seed: one independent stream of numbers per shopper and visit.
//!
//! Streams are keyed, not shared, so that what one shopper does never depends on who else came by before.

use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Exp, LogNormal};
use rand_xoshiro::Xoshiro256PlusPlus;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A stream of random numbers.
#[derive(Debug)]
pub(super) struct RandomStream(Xoshiro256PlusPlus);

/// The number that belongs to a key under a seed.
pub(super) fn hash(seed: u64, key: [u64; 2]) -> u64 {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&key[0].to_le_bytes());
    bytes[8..].copy_from_slice(&key[1].to_le_bytes());
    xxh3_64_with_seed(&bytes, seed)
}

impl RandomStream {
    /// The stream that belongs to a key under a seed.
    pub(super) fn of(seed: u64, key: [u64; 2]) -> RandomStream {
        RandomStream(Xoshiro256PlusPlus::seed_from_u64(hash(seed, key)))
    }

    /// True with probability `p`.
    pub(super) fn chance(&mut self, p: f64) -> bool {
        self.0.random::<f64>() < p
    }

    /// A whole number from `low` to `high`, both included; `low` where there is nothing between them.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        if low >= high { low } else { self.0.random_range(low..=high) }
    }

    /// How often something happens in a row that happens again with probability `again`; at most 40 times.
    pub(super) fn repeats(&mut self, again: f64) -> u32 {
        (0..40).take_while(|_| self.chance(again)).count() as u32
    }

    /// One of the choices, each as likely as its weight says. `choices` is not empty.
    pub(super) fn weighted<'a, T>(&mut self, choices: &'a [(T, u32)]) -> &'a T {
        let whole: i64 = choices.iter().map(|(_, weight)| i64::from(*weight)).sum();
        let mut left = self.between(0, whole - 1);
        for (choice, weight) in choices {
            left -= i64::from(*weight);
            if left < 0 {
                return choice;
            }
        }
        &choices[choices.len() - 1].0
    }

    /// An exponentially distributed length of time, in milliseconds.
    pub(super) fn exponential_ms(&mut self, mean_ms: f64) -> i64 {
        Exp::new(1.0 / mean_ms).map_or(0, |law| law.sample(&mut self.0) as i64)
    }

    /// A log-normally distributed number: half are below `median`; `sigma` is the spread of the logarithm.
    pub(super) fn log_normal(&mut self, median: f64, sigma: f64) -> f64 {
        LogNormal::new(0.0, sigma).map_or(median, |law| median * law.sample(&mut self.0))
    }
}
