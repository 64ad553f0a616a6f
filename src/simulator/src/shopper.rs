//! Who the shoppers are: five kinds with their habits, the channels they come by, and when they come again.

use jiff::civil::{Date, date};

use super::Shop;
use super::cart::Cart;
use super::catalogue::CATEGORY_COUNT;
use super::messages::HeldCoupon;
use super::random::{RandomStream, hash};
use super::rhythm::{DAY, HOUR, HomeZone};

/// The share of places in the shop that a customer of long standing has at the start.
const ESTABLISHED: f64 = 0.5;
/// The others find the shop within this many days.
const DISCOVERY_DAYS: i64 = 30;
/// Mean time until somebody new takes the place of one who left for good, in milliseconds.
const REPLACEMENT_MS: f64 = 15.0 * DAY as f64;
/// The chance that who left something in the cart comes back for it within 36 hours.
const COMES_BACK_FOR_CART: f64 = 0.25;

/// What kind of shopper somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ShopperKind {
    /// Comes twice a week and buys half the time something is in the cart.
    Loyal,
    /// Comes every ten days or so.
    Regular,
    /// Searches, compares, waits for a coupon.
    BargainHunter,
    /// Comes for one thing, and hardly again.
    OneTime,
    /// Looks at much and buys little.
    WindowShopper,
}

/// What a kind of shopper does, in probabilities (0 to 1) and days.
#[derive(Clone, Copy, Debug)]
pub(super) struct ShopperHabits {
    /// Median days between visits; log-normal with a sigma of 0.7.
    pub(super) days_between: f64,
    /// The chance of looking at one more product, after each and before the first.
    pub(super) next_view: f64,
    /// The chance that a product looked at goes into the cart.
    pub(super) add: f64,
    /// The chance that a visit with something in the cart gets to the checkout.
    pub(super) checkout: f64,
    /// The chance that a checkout ends with an order.
    pub(super) order: f64,
    /// The chance that a checkout has a coupon.
    pub(super) coupon: f64,
    /// The chance that a visit starts with a search rather than a list.
    pub(super) search: f64,
    /// The chance of signing up during a visit, for visitors.
    pub(super) sign_up: f64,
    /// The chance that no visit follows for weeks (log-normal with a median of 40 days, at least 15, at most 120).
    pub(super) go_cold: f64,
    /// The chance that no visit follows at all.
    pub(super) leave: f64,
    /// The chance that somebody checks in daily.
    pub(super) check_in: f64,
    /// The chance that somebody has a subscription.
    pub(super) subscribe: f64,
}

/// Where a visit comes from: `campaign.source` and `campaign.medium`.
pub(super) type VisitChannel = (&'static str, &'static str);

/// A channel, and how many of the visitors it brings (weights) are of which kind.
struct Acquisition(VisitChannel, [(ShopperKind, u32); 5]);

/// The channels that bring new visitors, each with its weight.
const ACQUISITION: [(Acquisition, u32); 9] = [
    (Acquisition(("google", "organic"), kinds(6, 24, 16, 24, 30)), 28),
    (Acquisition(("instagram", "social"), kinds(4, 18, 14, 24, 40)), 12),
    (Acquisition(("tiktok", "social"), kinds(2, 12, 20, 26, 40)), 8),
    (Acquisition(("kol_ana", "kol"), kinds(14, 30, 8, 18, 30)), 6),
    (Acquisition(("kol_ben", "kol"), kinds(3, 12, 35, 30, 20)), 5),
    (Acquisition(("direct", "none"), kinds(12, 30, 10, 18, 30)), 14),
    (Acquisition(("newsletter", "email"), kinds(10, 34, 26, 10, 20)), 4),
    (Acquisition(("google", "cpc"), kinds(4, 18, 18, 36, 24)), 15),
    (Acquisition(("facebook", "ads"), kinds(3, 15, 20, 34, 28)), 8),
];

/// The channels of who has been here before.
const RETURNING: [(VisitChannel, u32); 6] = [
    (("direct", "none"), 44),
    (("newsletter", "email"), 22),
    (("google", "organic"), 18),
    (("instagram", "social"), 7),
    (("google", "cpc"), 5),
    (("kol_ana", "kol"), 4),
];

/// The channel of who was invited.
const BY_INVITATION: VisitChannel = ("friends", "invitation");

/// Who the established customers are.
const ESTABLISHED_KINDS: [(ShopperKind, u32); 5] = kinds(22, 42, 20, 4, 12);

/// The earliest birthday, and how many days after it the latest is.
const BIRTHDAYS: (Date, i64) = (date(1950, 1, 1), 57 * 365);
/// The share of shoppers who tell their birthday.
const TELLS_BIRTHDAY: f64 = 0.85;
/// How many days after the last a subscription is renewed.
const RENEWAL_DAYS: i64 = 30;

const GENDERS: [(&str, u32); 3] = [("f", 52), ("m", 44), ("x", 4)];

const fn kinds(loyal: u32, regular: u32, bargain: u32, once: u32, window: u32) -> [(ShopperKind, u32); 5] {
    [
        (ShopperKind::Loyal, loyal),
        (ShopperKind::Regular, regular),
        (ShopperKind::BargainHunter, bargain),
        (ShopperKind::OneTime, once),
        (ShopperKind::WindowShopper, window),
    ]
}

/// What is remembered of a shopper between visits.
#[derive(Debug)]
pub(super) struct Shopper {
    /// The place in the shop this one has.
    pub(super) slot: u32,
    /// How many had the place before.
    pub(super) generation: u32,
    /// Visits made.
    pub(super) visits: u32,
    /// Orders made.
    pub(super) orders: u32,
    /// Has a `userId`.
    pub(super) signed_up: bool,
    /// Comes back now for what was left in the cart.
    pub(super) comes_for_cart: bool,
    /// Whether an invitation brings this one was decided already.
    pub(super) is_expected: bool,
    /// An invitation brought this one.
    pub(super) is_invited: bool,
    /// What was left in the cart.
    pub(super) cart: Cart,
    /// Coupons that messages brought, the latest last.
    pub(super) coupons: Vec<HeldCoupon>,
    /// When the next visit begins.
    pub(super) next_visit: i64,
    /// When the next check-in is, if there is one before the next visit.
    pub(super) next_check_in: Option<i64>,
    /// The local day of the last check-in.
    pub(super) last_check_in_day: i64,
}

/// What never changes about a shopper. It is drawn again for each visit instead of being stored, with the same result.
#[derive(Debug)]
pub(super) struct ShopperProfile {
    pub(super) kind: ShopperKind,
    pub(super) established: bool,
    pub(super) home: HomeZone,
    pub(super) gender: &'static str,
    pub(super) email_opt_in: bool,
    /// The categories looked at, the favourite first.
    pub(super) likes: [u8; 3],
    /// The channel that brought the first visit.
    pub(super) acquired: VisitChannel,
    /// Visits come from a second device now and then.
    pub(super) two_devices: bool,
    pub(super) mobile_first: bool,
    /// The day of birth, of those who tell it.
    pub(super) birthday: Option<Date>,
    /// The local minute of the day at which members check in.
    pub(super) check_in_minute: Option<i64>,
    /// Of subscribers: the renewals are on days of this number, modulo [`RENEWAL_DAYS`].
    renewal: Option<i64>,
}

impl ShopperKind {
    /// The kind's habits.
    pub(super) fn habits(self) -> ShopperHabits {
        #[rustfmt::skip]
        let [days_between, next_view, add, checkout, order, coupon, search, sign_up, go_cold, leave, check_in, subscribe] = match self {
            //                      days  view  add   chkt  order coup  srch  sign  cold  leave  chkin subs
            ShopperKind::Loyal =>         [3.5,  0.80, 0.16, 0.66, 0.72, 0.12, 0.35, 0.60, 0.02, 0.003, 0.35, 0.30],
            ShopperKind::Regular =>       [9.0,  0.78, 0.13, 0.54, 0.60, 0.12, 0.40, 0.35, 0.06, 0.02,  0.15, 0.12],
            ShopperKind::BargainHunter => [11.0, 0.84, 0.12, 0.52, 0.48, 0.75, 0.65, 0.40, 0.08, 0.03,  0.10, 0.02],
            ShopperKind::OneTime =>       [9.0,  0.70, 0.14, 0.50, 0.56, 0.20, 0.60, 0.15, 0.05, 0.60,  0.00, 0.00],
            ShopperKind::WindowShopper => [6.0,  0.84, 0.05, 0.32, 0.36, 0.15, 0.20, 0.10, 0.06, 0.10,  0.05, 0.00],
        };
        ShopperHabits {
            days_between,
            next_view,
            add,
            checkout,
            order,
            coupon,
            search,
            sign_up,
            go_cold,
            leave,
            check_in,
            subscribe,
        }
    }
}

impl Shopper {
    /// The first who has this place.
    pub(super) fn new(slot: u32) -> Shopper {
        Shopper {
            slot,
            generation: 0,
            visits: 0,
            orders: 0,
            signed_up: false,
            comes_for_cart: false,
            is_expected: false,
            is_invited: false,
            cart: Cart::default(),
            coupons: Vec::new(),
            next_visit: 0,
            next_check_in: None,
            last_check_in_day: i64::MIN / 2,
        }
    }

    /// One with that number, before the first visit.
    pub(super) fn numbered(shop: &Shop, number: u64) -> Shopper {
        let places = u64::from(shop.shoppers.max(1));
        let generation = u32::try_from(number / places).unwrap_or(u32::MAX);
        Shopper { generation, ..Shopper::new((number % places) as u32) }
    }

    /// Finds the shop by the next visit: never was here.
    pub(super) fn is_new(&self, shop: &Shop) -> bool {
        self.visits == 0 && !self.profile(shop).established
    }

    /// A number that no other shopper has, past or present.
    pub(super) fn number(&self, shop: &Shop) -> u64 {
        u64::from(self.generation) * u64::from(shop.shoppers) + u64::from(self.slot)
    }

    /// What never changes about this shopper.
    pub(super) fn profile(&self, shop: &Shop) -> ShopperProfile {
        let mut dice = RandomStream::of(shop.seed, [self.number(shop), u64::MAX]);
        let established = dice.chance(ESTABLISHED) && self.generation == 0;
        let Acquisition(acquired, brings) = dice.weighted(&ACQUISITION);
        let gender = *dice.weighted(&GENDERS);
        let any = i64::from(CATEGORY_COUNT) - 1;
        let kind = *dice.weighted(if established { &ESTABLISHED_KINDS } else { brings });
        let habits = kind.habits();
        ShopperProfile {
            kind,
            established,
            home: shop.rhythm.home(&mut dice),
            gender,
            email_opt_in: dice.chance(0.8),
            likes: [0; 3].map(|_| dice.between(0, any) as u8),
            acquired: *acquired,
            two_devices: dice.chance(0.25),
            mobile_first: dice.chance(0.62),
            birthday: dice.chance(TELLS_BIRTHDAY).then(|| birthday(&mut dice)),
            check_in_minute: dice.chance(habits.check_in).then(|| dice.between(7 * 60, 22 * 60)),
            renewal: dice.chance(habits.subscribe).then(|| dice.between(0, RENEWAL_DAYS - 1)),
        }
    }

    /// When something next happens.
    pub(super) fn wakes_at(&self) -> i64 {
        self.next_check_in.map_or(self.next_visit, |check_in| check_in.min(self.next_visit))
    }

    /// The channel of a visit.
    pub(super) fn channel(&self, profile: &ShopperProfile, dice: &mut RandomStream) -> VisitChannel {
        if self.is_invited && self.visits == 0 {
            return BY_INVITATION;
        }
        if self.visits == 0 && !profile.established { profile.acquired } else { *dice.weighted(&RETURNING) }
    }

    /// When the shop sees this shopper for the first time.
    pub(super) fn first_visit(&self, shop: &Shop, start: i64) -> i64 {
        let mut dice = RandomStream::of(shop.seed, [self.number(shop), u64::MAX - 1]);
        let profile = self.profile(shop);
        let days = if profile.established { 2.0 * profile.kind.habits().days_between } else { DISCOVERY_DAYS as f64 };
        let after = dice.between(1, (days * DAY as f64) as i64);
        shop.rhythm.likely_hour(&mut dice, profile.home, start + after)
    }

    /// When the next visit is, after one that ended at `end`; and of whom, if this shopper leaves for good.
    pub(super) fn next_visit(
        &mut self,
        shop: &Shop,
        profile: &ShopperProfile,
        dice: &mut RandomStream,
        end: i64,
    ) -> i64 {
        let habits = profile.kind.habits();
        self.visits += 1;
        self.comes_for_cart = false;
        if dice.chance(habits.leave) {
            *self = Shopper { generation: self.generation.wrapping_add(1), ..Shopper::new(self.slot) };
            let home = self.profile(shop).home;
            let vacant = HOUR + dice.exponential_ms(REPLACEMENT_MS);
            return shop.rhythm.likely_hour(dice, home, end + vacant);
        }
        if !self.cart.is_empty() && dice.chance(COMES_BACK_FOR_CART) {
            self.comes_for_cart = true;
            let hesitates = dice.between(HOUR / 2, 36 * HOUR);
            return shop.rhythm.awake(dice, profile.home, end + hesitates);
        }
        let days = if dice.chance(habits.go_cold) {
            dice.log_normal(40.0, 0.5).clamp(15.0, 120.0)
        } else {
            dice.log_normal(habits.days_between, 0.7).clamp(0.3, 40.0)
        };
        shop.rhythm.likely_hour(dice, profile.home, end + (days * DAY as f64) as i64)
    }

    /// The `userId`, once there is one.
    pub(super) fn user_id(&self, shop: &Shop) -> String {
        format!("u{}", self.number(shop))
    }

    /// The `anonymousId` that a device of this shopper has.
    pub(super) fn anonymous_id(&self, shop: &Shop, device: u8) -> String {
        format!("anon-{:016x}", hash(!shop.seed, [self.number(shop), u64::from(device)]))
    }

    /// The `tier` trait: silver from the third order on, gold from the eighth.
    pub(super) fn tier(&self) -> &'static str {
        match self.orders {
            0..3 => "basic",
            3..8 => "silver",
            _ => "gold",
        }
    }
}

impl ShopperProfile {
    /// The day, after that of `at`, on which a subscriber's subscription is renewed.
    pub(super) fn renews_at(&self, at: i64) -> Option<Date> {
        let tomorrow = at.div_euclid(DAY) + 1;
        let day = tomorrow + (self.renewal? - tomorrow).rem_euclid(RENEWAL_DAYS);
        days_after(date(1970, 1, 1), day)
    }

    pub(super) fn is_subscriber(&self) -> bool {
        self.renewal.is_some()
    }
}

fn birthday(dice: &mut RandomStream) -> Date {
    days_after(BIRTHDAYS.0, dice.between(0, BIRTHDAYS.1)).unwrap_or(BIRTHDAYS.0)
}

fn days_after(from: Date, days: i64) -> Option<Date> {
    from.checked_add(jiff::Span::new().try_days(days).ok()?).ok()
}
