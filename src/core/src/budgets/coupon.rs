//! Codes of coupons: nobody can guess one who does not know the secret.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use data_encoding::{Encoding, Specification};

use crate::json::JsonText;
use crate::rules::ruleset::Coupon;
use crate::secret::DrawSecret;
use crate::time::Timestamp;

/// Crockford's base32: no letter of it looks like a digit.
static BASE32: LazyLock<Encoding> = LazyLock::new(|| {
    let mut specification = Specification::new();
    specification.symbols.push_str("0123456789ABCDEFGHJKMNPQRSTVWXYZ");
    specification.encoding().expect("32 different symbols")
});

/// Which coupon a code is of.
#[derive(Clone, Copy, Debug)]
pub struct CouponOwner<'a> {
    /// The id of the campaign.
    pub campaign: &'a str,
    /// The user's id.
    pub user: &'a str,
    /// How often the campaign had fired for the user with it.
    pub number: u64,
}

/// The code of a coupon (semantics §13).
pub fn code(secret: &DrawSecret, coupon: &Coupon, owner: CouponOwner<'_>) -> String {
    let CouponOwner { campaign, user, number } = owner;
    let bytes = secret.authentication_code(&format!("coupon:{campaign}:{user}:{number}"));
    let characters = BASE32.encode(&bytes);
    format!("{}{}", coupon.prefix, &characters[..coupon.length.min(characters.len())])
}

/// What an action's payload bears of a coupon: all that the rules say of it, its code, and until when it is valid.
pub fn payload(coupon: &Coupon, code: &str, valid_until: Timestamp) -> JsonText {
    let mut fields: BTreeMap<&str, JsonText> =
        coupon.fields.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
    fields.insert("code", JsonText::of(code));
    fields.insert("valid_until", JsonText::of(&valid_until.to_string()));
    JsonText::of(&fields)
}
