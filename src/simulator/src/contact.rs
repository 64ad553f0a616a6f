//! How a shopper can be reached: an address, a name, and whether push messages are welcome.
//!
//! It is drawn from a stream of its own, so that nothing else about shoppers depends on it. Addresses end in `example`, which
//! belongs to nobody.

use super::Shop;
use super::random::RandomStream;
use super::shopper::Shopper;

/// The share of shoppers who let the shop's app send messages.
const PUSH_OPT_IN: f64 = 0.7;

const FIRST_NAMES: [(&str, u32); 8] =
    [("Ada", 9), ("Bao", 4), ("Carla", 8), ("Dmitri", 5), ("Esra", 7), ("Femi", 3), ("Grace", 6), ("Hiro", 2)];

/// How a shopper can be reached.
#[derive(Debug)]
pub(super) struct ShopperContact {
    pub(super) email: String,
    pub(super) first_name: &'static str,
    pub(super) push_opt_in: bool,
}

impl ShopperContact {
    /// That of a shopper; always the same.
    pub(super) fn of(shopper: &Shopper, shop: &Shop) -> ShopperContact {
        let mut dice = RandomStream::of(shop.seed, [shopper.number(shop), u64::MAX - 2]);
        ShopperContact {
            email: format!("{}@shoppers.example", shopper.user_id(shop)),
            first_name: dice.weighted::<&str>(&FIRST_NAMES),
            push_opt_in: dice.chance(PUSH_OPT_IN),
        }
    }
}
