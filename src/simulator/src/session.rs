//! One visit, from the landing page to the last click.
//!
//! A visit is played through at the moment it begins; its lines wait until they arrive.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::call::{
    CURRENCY, CallBody, CallContext, CallLine, CallProperties, CampaignContext, Device, OrderItem, OrderProperties,
    ShopperTraits, dollars,
};
use super::catalogue::{CATEGORY_COUNT, ProductId, category_name, search_words};
use super::random::RandomStream;
use super::shopper::{Shopper, ShopperHabits, ShopperProfile};
use super::{MAX_LATENESS, Shop};
use rekindle_core::time::Timestamp;

/// The chance that somebody who has an account is not signed in when a visit begins.
const STARTS_SIGNED_OUT: f64 = 0.15;
/// The chance that a visitor without an account signs up at the checkout; the others buy as guests.
const SIGNS_UP_AT_CHECKOUT: f64 = 0.75;
/// The chance that something put into the cart is taken out again.
const REMOVES: f64 = 0.08;
/// The chance that what was left in the cart is still there at the next ordinary visit.
const CART_KEPT: f64 = 0.5;
/// The chance that a line arrives twice.
const DUPLICATE: f64 = 0.01;
/// The chance that a line arrives up to 2 s late, and that it arrives up to 30 s late.
const LATE: (f64, f64) = (0.05, 0.002);

/// A line on its way. Ordered by arrival; ties break by shopper, then by the line's place in the visit.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PendingLine {
    /// When it arrives.
    pub(super) at: i64,
    slot: u32,
    ordinal: u32,
    /// The time it bears.
    pub(super) time: i64,
    /// The line, without the newline.
    pub(super) bytes: Vec<u8>,
}

/// A visit under way.
struct Visit<'a> {
    shop: &'a Shop,
    shopper: &'a mut Shopper,
    pending: &'a mut BinaryHeap<Reverse<PendingLine>>,
    profile: &'a ShopperProfile,
    habits: ShopperHabits,
    dice: &'a mut RandomStream,
    context: CallContext,
    anonymous_id: String,
    user_id: String,
    signed_in: bool,
    ordinal: u32,
    /// The time of the next event.
    now: i64,
}

/// Plays a visit that begins at `at`, and returns when the next one begins.
pub(super) fn visit(
    shop: &Shop,
    shopper: &mut Shopper,
    at: i64,
    pending: &mut BinaryHeap<Reverse<PendingLine>>,
) -> i64 {
    let profile = shopper.profile(shop);
    let mut dice = RandomStream::of(shop.seed, [shopper.number(shop), u64::from(shopper.visits)]);
    let end = Visit::begin(shop, shopper, &profile, &mut dice, at, pending).play();
    shopper.next_visit(shop, &profile, &mut dice, end)
}

impl<'a> Visit<'a> {
    fn begin(
        shop: &'a Shop,
        shopper: &'a mut Shopper,
        profile: &'a ShopperProfile,
        dice: &'a mut RandomStream,
        at: i64,
        pending: &'a mut BinaryHeap<Reverse<PendingLine>>,
    ) -> Visit<'a> {
        shopper.signed_up |= profile.established;
        let device = u8::from(profile.two_devices && dice.chance(0.3));
        let kind = if profile.mobile_first == (device == 0) { "mobile" } else { "desktop" };
        let (source, medium) = shopper.channel(profile, dice);
        Visit {
            context: CallContext {
                timezone: profile.home.timezone,
                campaign: CampaignContext { source, medium },
                device: Device { kind },
            },
            anonymous_id: shopper.anonymous_id(shop, device),
            user_id: shopper.user_id(shop),
            signed_in: shopper.signed_up && !dice.chance(STARTS_SIGNED_OUT),
            habits: profile.kind.habits(),
            ordinal: 0,
            now: at,
            shop,
            shopper,
            pending,
            profile,
            dice,
        }
    }

    /// Plays the visit and returns the time of its end.
    fn play(mut self) -> i64 {
        self.land();
        if !self.shopper.comes_for_cart {
            if !self.dice.chance(CART_KEPT) {
                self.shopper.cart.clear();
            }
            self.browse();
        }
        if !self.shopper.cart.is_empty() {
            self.look_into_cart();
        }
        self.now
    }

    fn land(&mut self) {
        let (name, path) = if self.shopper.comes_for_cart { ("Cart", "/cart") } else { ("Home", "/") };
        self.say(CallBody::Page { name, properties: CallProperties::Page { path } });
        if self.signed_in && self.shopper.visits == 0 {
            self.identify();
        }
    }

    /// Looks around; some of what is seen goes into the cart, and some visitors sign up on the way.
    fn browse(&mut self) {
        let views = self.dice.repeats(self.habits.next_view);
        if views == 0 {
            return;
        }
        let category = self.category();
        if !self.dice.chance(self.habits.search) {
            self.list(category);
        }
        let opens_account = self.dice.chance(if self.shopper.signed_up { 0.5 } else { self.habits.sign_up });
        for view in 0..views {
            let category = if self.dice.chance(0.8) { category } else { self.category() };
            let product = self.shop.catalogue.browse(self.dice, category);
            self.view(product, view == 0);
            if view == views / 2 && opens_account {
                self.open_account();
            }
            if self.dice.chance(self.habits.add) {
                self.add(product);
            }
        }
    }

    /// One of the favourite categories, now and then any.
    fn category(&mut self) -> u8 {
        let any = self.dice.between(0, i64::from(CATEGORY_COUNT) - 1) as u8;
        let [first, second, third] = self.profile.likes;
        *self.dice.weighted(&[(first, 55), (second, 25), (third, 12), (any, 8)])
    }

    fn list(&mut self, category: u8) {
        let category = category_name(category);
        let properties = CallProperties::List { list_id: category, category };
        self.track("Product List Viewed", properties);
    }

    fn view(&mut self, product: ProductId, first: bool) {
        if first && self.dice.chance(self.habits.search) {
            self.track("Products Searched", CallProperties::Search { query: search_words(product) });
        }
        self.track_product("Product Viewed", product);
    }

    fn add(&mut self, product: ProductId) {
        self.track_product("Product Added", product);
        if self.dice.chance(REMOVES) {
            self.track_product("Product Removed", product);
        } else {
            self.shopper.cart.push(product);
        }
    }

    /// Cart, checkout, coupon, order; each step loses some.
    fn look_into_cart(&mut self) {
        if self.shopper.comes_for_cart || self.dice.chance(0.8) {
            let (value, products) = (dollars(self.cart_cents()), self.cart_items());
            self.track("Cart Viewed", CallProperties::Cart { value, currency: CURRENCY, products });
        }
        if !self.dice.chance(self.habits.checkout) {
            return;
        }
        let may_open = self.shopper.signed_up || self.dice.chance(SIGNS_UP_AT_CHECKOUT);
        if !self.signed_in && may_open {
            self.open_account();
        }
        self.check_out();
    }

    fn check_out(&mut self) {
        let order_id = format!("o{}-{}", self.shopper.number(self.shop), self.shopper.visits);
        let cents = self.cart_cents();
        let order = self.order(&order_id, cents, None);
        self.track("Checkout Started", CallProperties::Order(order));
        let coupon = self.dice.chance(self.habits.coupon).then(|| self.coupon());
        if let Some((coupon, percent)) = &coupon {
            let discount = dollars(cents * percent / 100);
            let properties = CallProperties::Coupon { order_id: order_id.clone(), coupon: coupon.clone(), discount };
            self.track("Coupon Applied", properties);
        }
        if self.dice.chance(self.habits.order) {
            let order = self.order(&order_id, cents, coupon);
            self.track("Order Completed", CallProperties::Order(order));
            self.settle_order();
        }
    }

    /// What an order changes: the cart is empty, and the tier may rise.
    fn settle_order(&mut self) {
        let before = self.shopper.tier();
        self.shopper.cart.clear();
        self.shopper.orders += 1;
        if self.signed_in && self.shopper.tier() != before {
            self.identify();
        }
    }

    fn order(&self, order_id: &str, cents: i64, coupon: Option<(String, i64)>) -> OrderProperties {
        let off = coupon.as_ref().map(|(_, percent)| cents * percent / 100);
        OrderProperties {
            order_id: order_id.to_owned(),
            total: dollars(cents - off.unwrap_or(0)),
            currency: CURRENCY,
            discount: off.map(dollars),
            coupon: coupon.map(|(code, _)| code),
            products: self.cart_items(),
        }
    }

    /// A coupon's code and its per cent off: an influencer's own, the welcome coupon, or the current one.
    fn coupon(&mut self) -> (String, i64) {
        let CampaignContext { source, medium } = self.context.campaign;
        match (medium, self.shopper.orders) {
            ("kol", _) => (format!("{}10", source.to_uppercase()), 10),
            (_, 0) => ("WELCOME15".to_owned(), 15),
            _ => ("SAVE10".to_owned(), 10),
        }
    }

    /// Signs up, or signs in who has an account; does nothing for who is signed in.
    fn open_account(&mut self) {
        if self.signed_in {
            return;
        }
        let event = if self.shopper.signed_up { "Signed In" } else { "Signed Up" };
        self.shopper.signed_up = true;
        self.signed_in = true;
        self.identify();
        self.track(event, CallProperties::Account { method: "email" });
    }

    fn identify(&mut self) {
        let ShopperProfile { home, gender, email_opt_in, .. } = *self.profile;
        let (timezone, country, tier) = (home.timezone, home.country, self.shopper.tier());
        self.say(CallBody::Identify { traits: ShopperTraits { tier, country, timezone, gender, email_opt_in } });
    }

    fn cart_cents(&self) -> i64 {
        self.shopper.cart.iter().map(|product| self.shop.catalogue.price(*product)).sum()
    }

    fn cart_items(&self) -> Vec<OrderItem> {
        self.shopper.cart.iter().map(|product| OrderItem::new(*product, &self.shop.catalogue)).collect()
    }

    fn track_product(&mut self, event: &'static str, product: ProductId) {
        self.track(event, CallProperties::Product(OrderItem::new(product, &self.shop.catalogue)));
    }

    fn track(&mut self, event: &'static str, properties: CallProperties) {
        self.say(CallBody::Track { event, properties });
    }

    /// Sends a call off at `now`, and lets some time pass.
    fn say(&mut self, call: CallBody) {
        let bytes = if self.is_silent() { Vec::new() } else { self.line(&call) };
        self.send(bytes);
        self.now += (self.dice.log_normal(22_000.0, 0.8) as i64).clamp(400, 600_000);
    }

    /// Whether nobody will see a line of this moment, however late it arrives.
    fn is_silent(&self) -> bool {
        self.now + MAX_LATENESS.0 <= self.shop.silent_until
    }

    fn line(&self, call: &CallBody) -> Vec<u8> {
        let line = CallLine {
            message_id: format!("{:x}.{:x}.{:x}", self.shopper.number(self.shop), self.shopper.visits, self.ordinal),
            timestamp: Timestamp(self.now).to_string(),
            user_id: self.signed_in.then_some(self.user_id.as_str()),
            anonymous_id: &self.anonymous_id,
            call,
            context: &self.context,
        };
        serde_json::to_vec(&line).expect("only a map with keys that are no strings can fail here, and there is none")
    }

    fn send(&mut self, bytes: Vec<u8>) {
        let late = if self.dice.chance(LATE.1) {
            self.dice.between(2_000, MAX_LATENESS.0)
        } else if self.dice.chance(LATE.0) {
            self.dice.between(1, 2_000)
        } else {
            0
        };
        if self.dice.chance(DUPLICATE) {
            let again = self.now + self.dice.between(late, MAX_LATENESS.0);
            self.arrive(again, bytes.clone());
        }
        self.arrive(self.now + late, bytes);
    }

    fn arrive(&mut self, at: i64, bytes: Vec<u8>) {
        if at > self.shop.silent_until {
            let (slot, ordinal, time) = (self.shopper.slot, self.ordinal, self.now);
            self.pending.push(Reverse(PendingLine { at, slot, ordinal, time, bytes }));
        }
        self.ordinal += 1;
    }
}
