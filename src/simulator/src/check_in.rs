//! Daily check-ins: a tap in the app for which members collect days in a row, and points; and what they give points for.

use super::Shop;
use super::call::{CallBody, CallContext, CallOrigin, CallProperties, CampaignContext, Device};
use super::outbox::{Outbox, PendingLines};
use super::random::RandomStream;
use super::rhythm::DAY;
use super::shopper::Shopper;

/// The chance that a member checks in on a day.
const CHECKS_IN: f64 = 0.93;
/// The chance that somebody who checks in exchanges points for a coupon.
const EXCHANGES: f64 = 0.03;
/// The chance that somebody who checks in spins the wheel, which costs points, too.
const SPINS: f64 = 0.07;
/// Who makes no visit for longer than this does not check in either.
const LOSES_TOUCH: i64 = 15 * DAY;
/// Where the keys of the days' random streams begin: above all numbers of visits.
const STREAMS: u64 = 1 << 32;
/// How far from the usual minute somebody checks in.
const JITTER_MS: i64 = 15 * 60_000;

/// Checks in at `at`.
pub(super) fn check_in(shop: &Shop, shopper: &mut Shopper, at: i64, pending: &mut PendingLines) {
    let profile = shopper.profile(shop);
    let day = shop.rhythm.local_day(profile.home, at);
    let mut dice = RandomStream::of(!shop.seed, [shopper.number(shop), STREAMS + day.unsigned_abs()]);
    let context = CallContext {
        timezone: profile.home.timezone,
        campaign: CampaignContext { source: "direct", medium: "none" },
        device: Device { kind: "mobile" },
    };
    let (user, device) = (shopper.user_id(shop), shopper.anonymous_id(shop, 0));
    let origin = CallOrigin { user_id: Some(&user), anonymous_id: Some(&device), context: Some(&context) };
    let occasion = format!("d{day:x}");
    let mut outbox = Outbox::new(shop, shopper, &occasion, pending);
    let mut tap = |dice: &mut RandomStream, at: i64, event: &'static str| {
        outbox.send(dice, at, origin, &CallBody::Track { event, properties: CallProperties::None {} });
    };
    tap(&mut dice, at, "Checked In");
    for (event, chance) in [("Points Exchanged", EXCHANGES), ("Wheel Spun", SPINS)] {
        if dice.chance(chance) {
            let later = at + dice.between(3_000, 60_000);
            tap(&mut dice, later, event);
        }
    }
    shopper.last_check_in_day = day;
    plan_check_in(shop, shopper, at);
}

/// Decides when the shopper next checks in, later than `after` and before the next visit.
pub(super) fn plan_check_in(shop: &Shop, shopper: &mut Shopper, after: i64) {
    shopper.next_check_in = None;
    if !shopper.signed_up || shopper.next_visit - after > LOSES_TOUCH {
        return;
    }
    let profile = shopper.profile(shop);
    let Some(minute) = profile.check_in_minute else { return };
    let today = shop.rhythm.local_day(profile.home, after);
    for day in today.max(shopper.last_check_in_day + 1)..=today + LOSES_TOUCH / DAY + 1 {
        let mut dice = RandomStream::of(shop.seed, [shopper.number(shop), STREAMS + day.unsigned_abs()]);
        let jitter = dice.between(-JITTER_MS, JITTER_MS);
        let at = shop.rhythm.instant(profile.home, day, minute * 60_000 + jitter);
        if at >= shopper.next_visit {
            return;
        }
        if dice.chance(CHECKS_IN) && at > after {
            shopper.next_check_in = Some(at);
            return;
        }
    }
}
