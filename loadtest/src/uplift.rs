//! `loadtest uplift`: does the interval of uplift hold at all times at once, as it says?
//!
//! Simulated campaigns are looked at after every user, from 100 users a side on. Of those that change nothing (A/A), at most 5 %
//! may ever seem to do something; of those that do, the true difference must always be inside in at least 95 %.

use clap::Args;
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use rekindle_core::goals::USERS_MIN;
use rekindle_core::statistics::{ALPHA, DifferenceInterval, GroupEstimate};
use serde::Serialize;

use crate::error::Error;
use crate::table::{self, grouped};

/// The share of users who reach the goal without the campaign.
const BASE_SHARE: f64 = 0.1;

/// Simulates campaigns and looks at each after every user
#[derive(Debug, Args)]
pub(crate) struct UpliftCheckArgs {
    /// How many campaigns that change nothing, and how many that do
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    campaigns: u32,

    /// Users of each campaign, one half without it
    #[arg(long, value_name = "N", default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..))]
    users: u32,

    /// By how much more of the users reach the goal with a campaign that does something
    #[arg(long, value_name = "SHARE", default_value_t = 0.03)]
    lift: f64,

    /// What the users do depends on this number alone
    #[arg(long, value_name = "N", default_value_t = 18)]
    seed: u64,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct UpliftCheckReport {
    campaigns: u32,
    users: u32,
    seed: u64,
    /// Of the campaigns that change nothing: those whose interval ever excluded 0.
    false_alarms: u32,
    lift: f64,
    /// Of the campaigns that do something: those whose interval always had the lift inside.
    covered: u32,
    /// Those whose interval ever excluded 0.
    found: u32,
}

/// What was seen of one campaign.
struct Watched {
    /// The true difference was outside of the interval once, or more often.
    missed: bool,
    /// 0 was.
    excluded_zero: bool,
}

/// Simulates, and checks what was found.
pub(crate) fn run(args: &UpliftCheckArgs) -> Result<bool, Error> {
    let report = simulate(args);
    let printed = if args.json { table::print_json(&report) } else { table::print(&report.rows()) };
    printed.map_err(|cause| Error::Io { attempt: "write to standard output", cause })?;
    Ok(report.holds())
}

fn simulate(args: &UpliftCheckArgs) -> UpliftCheckReport {
    let mut generator = Xoshiro256PlusPlus::seed_from_u64(args.seed);
    let mut watch = |lift: f64| -> Vec<Watched> {
        (0..args.campaigns).map(|_| watched(&mut generator, args.users, lift)).collect()
    };
    let (nothing, something) = (watch(0.0), watch(args.lift));
    let count = |campaigns: &[Watched], is: fn(&Watched) -> bool| {
        u32::try_from(campaigns.iter().filter(|campaign| is(campaign)).count()).unwrap_or(u32::MAX)
    };
    UpliftCheckReport {
        campaigns: args.campaigns,
        users: args.users,
        seed: args.seed,
        false_alarms: count(&nothing, |campaign| campaign.excluded_zero),
        lift: args.lift,
        covered: count(&something, |campaign| !campaign.missed),
        found: count(&something, |campaign| campaign.excluded_zero),
    }
}

/// Each user is in one of the groups by a coin, and reaches the goal or does not.
fn watched(generator: &mut impl Rng, users: u32, lift: f64) -> Watched {
    let (mut n, mut reached) = ([0_u64; 2], [0_u64; 2]);
    let mut seen = Watched { missed: false, excluded_zero: false };
    for _ in 0..users {
        let bits = generator.next_u64();
        let side = usize::from(bits & 1 == 1);
        let draw = (bits >> 11) as f64 / (1_u64 << 53) as f64;
        n[side] += 1;
        reached[side] += u64::from(draw < BASE_SHARE + lift * side as f64);
        if n[0].min(n[1]) < USERS_MIN {
            continue;
        }
        let [control, treated] = [0, 1].map(|side| GroupEstimate::of_share(n[side], reached[side]));
        let Some((treated, control)) = treated.zip(control) else { continue };
        let interval = DifferenceInterval::new(treated, control);
        seen.missed |= !(interval.low..=interval.high).contains(&lift);
        seen.excluded_zero |= interval.sign() != 0;
    }
    seen
}

impl UpliftCheckReport {
    fn share(&self, count: u32) -> f64 {
        f64::from(count) / f64::from(self.campaigns)
    }

    fn holds(&self) -> bool {
        self.share(self.false_alarms) <= ALPHA && self.share(self.covered) >= 1.0 - ALPHA
    }

    fn rows(&self) -> Vec<(&'static str, String)> {
        let percent = |count: u32| format!("{:.2} %", self.share(count) * 100.0);
        vec![
            ("campaigns of each kind", grouped(self.campaigns.into())),
            ("users of each", grouped(self.users.into())),
            ("seed", self.seed.to_string()),
            ("A/A that ever exclude 0", format!("{} (at most 5 %)", percent(self.false_alarms))),
            ("a lift always inside", format!("{} (at least 95 %), of {}", percent(self.covered), self.lift)),
            ("a lift found", percent(self.found)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn campaigns_that_do_nothing_seldom_seem_to_and_a_lift_is_inside() {
        let args = UpliftCheckArgs { campaigns: 300, users: 2_000, lift: 0.1, seed: 1, json: false };
        let report = simulate(&args);
        assert!(report.holds(), "{report:?}");
        assert!(report.share(report.found) > 0.9, "it is found: {report:?}");
        assert!(!UpliftCheckReport { false_alarms: 16, ..report }.holds(), "more than 5 % fail");
    }
}
