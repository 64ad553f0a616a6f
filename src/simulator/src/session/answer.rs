//! A visit that a message brought about: which ends with an order.

use super::Visit;
use crate::Shop;
use crate::catalogue::ProductId;
use crate::messages::PlannedAnswer;
use crate::outbox::{Outbox, PendingLines};
use crate::random::RandomStream;
use crate::shopper::Shopper;

/// Keeps the streams of these visits apart from those of others.
const STREAMS: u64 = 0x5E4D_A25A_11C0_FFEE;

/// Plays a visit that begins at `at` and ends with an order: of what was recommended, of what is in the cart, or of something new. When the shopper
/// comes without a message does not change.
pub(crate) fn answer(
    shop: &Shop,
    shopper: &mut Shopper,
    answered: &PlannedAnswer,
    at: i64,
    pending: &mut PendingLines,
) {
    let profile = shopper.profile(shop);
    let mut dice = RandomStream::of(shop.seed ^ STREAMS, [shopper.number(shop), at.unsigned_abs()]);
    let occasion = format!("m{at:x}");
    let outbox = Outbox::new(shop, shopper, &occasion, pending);
    shopper.comes_for_cart = false;
    let mut visit = Visit::begin(shop, shopper, &profile, &mut dice, at, outbox);
    visit.context.campaign.source = "newsletter";
    visit.context.campaign.medium = "email";
    visit.signed_in = true;
    (visit.occasion, visit.is_answer) = (occasion, true);
    visit.play_answer(answered);
}

impl Visit<'_> {
    fn play_answer(mut self, answered: &PlannedAnswer) {
        self.land();
        let (shop, began) = (self.shop, self.began);
        let is_there = |product: &ProductId| shop.product(*product, began).in_stock;
        if let Some(product) = answered.wanted.iter().copied().find(is_there) {
            self.view(product, false);
            self.add_for_good(product);
        } else if self.shopper.cart.is_empty() {
            let category = self.category();
            let product = self.shop.catalogue.browse(self.dice, category);
            self.view(product, false);
            self.add_for_good(product);
        }
        self.check_out();
    }
}
