//! One visit, from the landing page to the last click.
//!
//! A visit is played through at the moment it begins; its lines wait until they arrive.

mod account;
mod answer;

pub(super) use answer::answer;

use super::Shop;
use super::call::{
    CURRENCY, CallBody, CallContext, CallOrigin, CallProperties, CampaignContext, Device, OrderItem, OrderProperties,
    ProductProperties, TicketProperties, dollars,
};
use super::cart::OrderAmounts;
use super::catalogue::{CATEGORY_COUNT, ProductId, category_name, search_words};
use super::check_in::plan_check_in;
use super::messages::{USES_COUPON, percent};
use super::outbox::{Outbox, PendingLines};
use super::random::RandomStream;
use super::service::ShopService;
use super::shopper::{Shopper, ShopperHabits, ShopperProfile};

/// The chance that somebody who has an account is not signed in when a visit begins.
const STARTS_SIGNED_OUT: f64 = 0.15;
/// The chance that a visitor without an account signs up at the checkout; the others buy as guests.
const SIGNS_UP_AT_CHECKOUT: f64 = 0.75;
/// The chance that something put into the cart is taken out again.
const REMOVES: f64 = 0.08;
/// The chance that what was left in the cart is still there at the next ordinary visit.
const CART_KEPT: f64 = 0.5;
/// The chance of taking one more of what one buys several of.
const ONE_MORE: f64 = 0.4;
/// The chance that who leaves something in the cart has a question about it, and asks customer care.
const ASKS_ABOUT_CART: f64 = 0.12;

/// A visit under way.
struct Visit<'a> {
    shop: &'a Shop,
    shopper: &'a mut Shopper,
    outbox: Outbox<'a>,
    profile: &'a ShopperProfile,
    habits: ShopperHabits,
    dice: &'a mut RandomStream,
    context: CallContext,
    anonymous_id: String,
    user_id: String,
    signed_in: bool,
    /// Names the visit among all of the shopper.
    occasion: String,
    /// A message made this shopper come to buy.
    is_answer: bool,
    /// When the visit began: prices are those of then.
    began: i64,
    /// The time of the next event.
    now: i64,
    /// The product looked at last.
    looked_at: Option<ProductId>,
}

/// How a visit ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct VisitEnd {
    pub(super) end: i64,
    /// The product looked at last.
    pub(super) looked_at: Option<ProductId>,
    /// Was signed in.
    pub(super) is_member: bool,
}

/// A coupon that takes something off an order.
struct AppliedCoupon {
    code: String,
    name: String,
    /// What it takes off, in cents.
    discount: i64,
    /// The shop sent it to this shopper, who can use it once.
    is_personal: bool,
}

/// Plays a visit that begins at `at`, and decides when the next one begins.
pub(super) fn visit(shop: &Shop, shopper: &mut Shopper, at: i64, pending: &mut PendingLines) -> VisitEnd {
    let profile = shopper.profile(shop);
    let mut dice = RandomStream::of(shop.seed, [shopper.number(shop), u64::from(shopper.visits)]);
    let outbox = Outbox::new(shop, shopper, &format!("{:x}", shopper.visits), pending);
    let visited = Visit::begin(shop, shopper, &profile, &mut dice, at, outbox).play();
    shopper.next_visit = shopper.next_visit(shop, &profile, &mut dice, visited.end);
    plan_check_in(shop, shopper, visited.end);
    visited
}

impl<'a> Visit<'a> {
    fn begin(
        shop: &'a Shop,
        shopper: &'a mut Shopper,
        profile: &'a ShopperProfile,
        dice: &'a mut RandomStream,
        at: i64,
        outbox: Outbox<'a>,
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
            occasion: shopper.visits.to_string(),
            is_answer: false,
            began: at,
            now: at,
            looked_at: None,
            shop,
            shopper,
            outbox,
            profile,
            dice,
        }
    }

    fn play(mut self) -> VisitEnd {
        self.land();
        if !self.shopper.comes_for_cart {
            if !self.dice.chance(CART_KEPT) {
                self.shopper.cart.replace();
            }
            self.browse();
        }
        if !self.shopper.cart.is_empty() {
            self.look_into_cart();
        }
        if !self.shopper.cart.is_empty() && self.dice.chance(ASKS_ABOUT_CART) {
            let ticket_id = format!("t{}-{}", self.shopper.number(self.shop), self.shopper.visits);
            let (ticket, at) = (TicketProperties { ticket_id, topic: "product", order_id: None }, self.now);
            self.service().answer(&ticket, at);
        }
        VisitEnd { end: self.now, looked_at: self.looked_at, is_member: self.signed_in }
    }

    fn land(&mut self) {
        let (name, path) = if self.shopper.comes_for_cart { ("Cart", "/cart") } else { ("Home", "/") };
        self.say(CallBody::Page { name, properties: CallProperties::Page { path } });
        // The shop repeats a trait that changes by itself: when a subscription is renewed.
        if self.signed_in && (self.shopper.visits == 0 || self.profile.is_subscriber()) {
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
            if self.dice.chance(self.habits.add) && self.shop.product(product, self.began).in_stock {
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
        self.looked_at = Some(product);
        self.track_product("Product Viewed", product, 1, None);
    }

    fn add(&mut self, product: ProductId) {
        let quantity = self.put_into_cart(product);
        if self.dice.chance(REMOVES) {
            let cart_id = self.cart_id();
            self.track_product("Product Removed", product, quantity, Some(cart_id));
        } else {
            self.shopper.cart.add(product, quantity);
        }
    }

    fn add_for_good(&mut self, product: ProductId) {
        let quantity = self.put_into_cart(product);
        self.shopper.cart.add(product, quantity);
    }

    fn put_into_cart(&mut self, product: ProductId) -> u32 {
        let quantity = if product.is_staple() { 1 + self.dice.repeats(ONE_MORE).min(5) } else { 1 };
        let cart_id = self.cart_id();
        self.track_product("Product Added", product, quantity, Some(cart_id));
        quantity
    }

    /// Cart, checkout, coupon, order; each step loses some.
    fn look_into_cart(&mut self) {
        if self.shopper.comes_for_cart || self.dice.chance(0.8) {
            let (cart_id, value, products) = (self.cart_id(), dollars(self.cart_cents()), self.cart_items());
            self.track("Cart Viewed", CallProperties::Cart { cart_id, value, currency: CURRENCY, products });
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
        let order_id = format!("o{}-{}", self.shopper.number(self.shop), self.occasion);
        let cents = self.cart_cents();
        let amounts = OrderAmounts::new(cents, 0);
        let checkout =
            OrderProperties { value: Some(amounts.total()), total: None, ..self.order(&order_id, amounts, None) };
        self.track("Checkout Started", CallProperties::Order(checkout));
        let coupon = self.coupon(cents);
        let amounts = OrderAmounts::new(cents, coupon.as_ref().map_or(0, |coupon| coupon.discount));
        if let Some(coupon) = &coupon {
            let properties = CallProperties::Coupon {
                order_id: order_id.clone(),
                cart_id: self.cart_id(),
                coupon_id: coupon.code.clone(),
                coupon_name: coupon.name.clone(),
                discount: dollars(coupon.discount),
            };
            self.track("Coupon Applied", properties);
        }
        if self.is_answer || self.dice.chance(self.habits.order) {
            if let Some(AppliedCoupon { code, is_personal: true, .. }) = &coupon {
                self.shopper.coupons.retain(|held| held.code != *code);
            }
            let (order, ordered) = (self.order(&order_id, amounts, coupon.map(|coupon| coupon.code)), self.now);
            self.track("Order Completed", CallProperties::Order(order));
            self.service().ship(&order_id, ordered);
            self.settle_order();
        }
    }

    /// What an order changes: the cart is empty, and the tier may rise.
    fn settle_order(&mut self) {
        let before = self.shopper.tier();
        self.shopper.cart.replace();
        self.shopper.orders += 1;
        if self.signed_in && self.shopper.tier() != before {
            self.identify();
        }
    }

    fn order(&self, order_id: &str, amounts: OrderAmounts, coupon: Option<String>) -> OrderProperties {
        OrderProperties {
            order_id: order_id.to_owned(),
            cart_id: self.cart_id(),
            value: None,
            total: Some(amounts.total()),
            revenue: dollars(amounts.revenue),
            shipping: dollars(amounts.shipping),
            tax: dollars(amounts.tax),
            discount: coupon.is_some().then(|| dollars(amounts.discount)),
            coupon,
            currency: CURRENCY,
            products: self.cart_items(),
        }
    }

    /// The coupon for an order of this amount, if there is one: the shopper's own from a message, or a public one.
    fn coupon(&mut self, cents: i64) -> Option<AppliedCoupon> {
        let began = self.began;
        let own = self.shopper.coupons.iter().rev().find(|held| held.is_usable(began, cents)).cloned();
        if let Some(held) = own.filter(|_| self.dice.chance(USES_COUPON)) {
            let (discount, name) = (held.value.discount(cents), held.value.name());
            return Some(AppliedCoupon { code: held.code, name, discount, is_personal: true });
        }
        let (code, per_cent) = self.dice.chance(self.habits.coupon).then(|| self.public_coupon())?;
        let (name, discount) = (format!("{per_cent} % off"), percent(cents, per_cent));
        Some(AppliedCoupon { code, name, discount, is_personal: false })
    }

    /// A coupon's code and its per cent off: an influencer's own, the welcome coupon, or the current one.
    fn public_coupon(&self) -> (String, i64) {
        let CampaignContext { source, medium } = self.context.campaign;
        match (medium, self.shopper.orders) {
            ("kol", _) => (format!("{}10", source.to_uppercase()), 10),
            (_, 0) => ("WELCOME15".to_owned(), 15),
            _ => ("SAVE10".to_owned(), 10),
        }
    }

    fn cart_id(&self) -> String {
        self.shopper.cart.id(self.shopper.number(self.shop))
    }

    fn cart_cents(&self) -> i64 {
        self.shopper.cart.cents(self.shop, self.began)
    }

    fn cart_items(&self) -> Vec<OrderItem> {
        self.shopper.cart.items(self.shop, self.began)
    }

    fn track_product(&mut self, event: &'static str, product: ProductId, quantity: u32, cart_id: Option<String>) {
        let item = OrderItem::new(product, quantity, self.shop, self.began);
        self.track(event, CallProperties::Product(ProductProperties { cart_id, item, currency: CURRENCY }));
    }

    fn track(&mut self, event: &'static str, properties: CallProperties) {
        self.say(CallBody::Track { event, properties });
    }

    /// Sends a call off at `now`, and lets some time pass.
    fn say(&mut self, call: CallBody) {
        let origin = CallOrigin {
            user_id: self.signed_in.then_some(self.user_id.as_str()),
            anonymous_id: Some(&self.anonymous_id),
            context: Some(&self.context),
        };
        self.outbox.send(self.dice, self.now, origin, &call);
        self.now += (self.dice.log_normal(22_000.0, 0.8) as i64).clamp(400, 600_000);
    }

    /// What the shop's servers do for this shopper.
    fn service(&mut self) -> ShopService<'_, 'a> {
        let (user, device) = (self.user_id.as_str(), self.anonymous_id.as_str());
        let customer = CallOrigin {
            user_id: self.signed_in.then_some(user),
            anonymous_id: (!self.signed_in).then_some(device),
            context: None,
        };
        ShopService { outbox: &mut self.outbox, dice: self.dice, customer }
    }
}
