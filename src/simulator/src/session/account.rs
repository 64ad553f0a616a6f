//! Signing up and in, and what the shop then knows of a shopper.

use super::Visit;
use crate::call::{CallBody, CallProperties, ShopperTraits};
use crate::contact::ShopperContact;
use crate::friends::{FriendProperties, invitation_code};
use crate::shopper::ShopperProfile;

impl Visit<'_> {
    /// Signs up, or signs in who has an account; does nothing for who is signed in.
    pub(super) fn open_account(&mut self) {
        if self.signed_in {
            return;
        }
        let event = if self.shopper.signed_up { "Signed In" } else { "Signed Up" };
        self.shopper.signed_up = true;
        self.signed_in = true;
        self.identify();
        self.track(event, CallProperties::Account { method: "email" });
        if let Some(code) = self.invited_by().filter(|_| event == "Signed Up") {
            let accepted =
                FriendProperties { code: Some(code), device_id: self.anonymous_id.clone(), ..Default::default() };
            self.track("Invitation Accepted", CallProperties::Friends(accepted));
        }
    }

    fn invited_by(&self) -> Option<String> {
        self.shopper.is_invited.then(|| invitation_code(self.shopper.number(self.shop)))
    }

    pub(super) fn identify(&mut self) {
        let ShopperProfile { home, gender, email_opt_in, birthday, .. } = *self.profile;
        let ShopperContact { email, first_name, push_opt_in } = ShopperContact::of(self.shopper, self.shop);
        let traits = ShopperTraits {
            tier: self.shopper.tier(),
            country: home.country,
            timezone: home.timezone,
            gender,
            email,
            first_name,
            email_opt_in,
            push_opt_in,
            birthday: birthday.map(|day| day.to_string()),
            renews_at: self.profile.renews_at(self.now).map(|day| day.to_string()),
            invited_by: self.invited_by(),
        };
        self.say(CallBody::Identify { traits });
    }
}
