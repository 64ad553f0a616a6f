//! What shoppers do together, in known amounts: teams that buy together, bargains that friends help with, and invitations.
//!
//! | | share |
//! |---|---|
//! | visits of members who looked at something that open a team, begin a bargain | [`OPENS_TEAM`], [`BARGAINS`] |
//! | teams that two friends join within 22 hours; the others are joined by one friend at most | [`TEAM_FILLS`] |
//! | teams, before that, that one device fills with the accounts of others | [`CHEATS`] |
//! | bargains that [`HELPERS`] friends help with within two days; the others have fewer helpers | [`BARGAIN_ENDS`] |
//! | new visitors who come by an invitation, the latest of [`INVITATIONS`] that were sent | [`INVITED`] |
//!
//! Whom an invitation brings is a shopper like any other new one. Any member of the shop may be asked to join or help. Events
//! bear a `device_id`; `Team Joined` the `group_id`, `Bargain Started` and `Bargain Helped` the `bargain_id`, `Invitation Sent` and
//! `Invitation Accepted` the `code`, which the traits of who was invited have as `invited_by`.

use serde::Serialize;

use super::Shop;
use super::call::{CallBody, CallContext, CallOrigin, CallProperties, CampaignContext, Device, dollars};
use super::catalogue::ProductId;
use super::outbox::{Outbox, PendingLines};
use super::random::RandomStream;
use super::rhythm::{DAY, HOUR};
use super::session::VisitEnd;
use super::shopper::Shopper;

/// The share of visits of members who looked at something after which they open a team.
pub const OPENS_TEAM: f64 = 0.06;
/// The share of teams that two more join in time, of those of honest people.
pub const TEAM_FILLS: f64 = 0.6;
/// The share of teams that one device fills.
pub const CHEATS: f64 = 0.05;
/// The share of visits of members who looked at something after which they begin a bargain, of those that open no team.
pub const BARGAINS: f64 = 0.04;
/// How many helpers a bargain needs.
pub const HELPERS: usize = 5;
/// The share of bargains that get all their helpers.
pub const BARGAIN_ENDS: f64 = 0.5;
/// The share of new visitors who come by an invitation.
pub const INVITED: f64 = 0.3;
/// How many invitations are sent for each that is followed.
pub const INVITATIONS: i64 = 3;

/// The time in which friends join, and help.
const JOINS_WITHIN: i64 = 22 * HOUR;
const HELPS_WITHIN: i64 = 46 * HOUR;
/// The chance that a helper helps once more, which counts for nothing.
const HELPS_TWICE: f64 = 0.2;
/// How often somebody is drawn before it is given up to find a member.
const DRAWS_MAX: usize = 200;
/// Friends are found among those who come within this time anyway: others would seem to have come back.
const COMES_SOON: i64 = 2 * DAY;
/// Keeps the streams of these acts apart from those of others.
const STREAMS: u64 = 0xF12E_4D5A_0B0A_2D01;

/// Something that somebody will do.
#[derive(Debug)]
pub(super) struct PlannedAct {
    /// The number of the shopper who does it.
    pub(super) shopper: u64,
    /// The number of the shopper on whose device.
    device_of: u64,
    deed: Deed,
}

#[derive(Clone, Debug)]
enum Deed {
    JoinTeam { group_id: String, product: ProductId },
    StartBargain { bargain_id: String, product: ProductId },
    HelpBargain { bargain_id: String },
    Invite { code: String },
}

/// The acts that are planned: each with its time.
pub(super) type NewActs = Vec<(i64, PlannedAct)>;

/// What an event about several people says.
#[derive(Default, Serialize)]
pub(super) struct FriendProperties {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) group_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bargain_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) product_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) price: Option<f64>,
    pub(super) device_id: String,
}

/// The code of the invitation that brought a shopper.
pub(super) fn invitation_code(invited: u64) -> String {
    format!("inv-{invited}")
}

/// What follows from the visit of the shopper with that number.
pub(super) fn plan_after_visit(shop: &Shop, shoppers: &[Shopper], number: u64, visit: &VisitEnd) -> NewActs {
    let Some(product) = visit.looked_at.filter(|_| visit.is_member && !shop.scope.is_alone()) else {
        return Vec::new();
    };
    let mut dice = RandomStream::of(shop.seed ^ STREAMS, [number, visit.end.unsigned_abs()]);
    let begins = visit.end + dice.between(3_000, 30_000);
    if dice.chance(OPENS_TEAM) {
        team(shop, shoppers, &mut dice, (number, product, begins))
    } else if dice.chance(BARGAINS) {
        bargain(shop, shoppers, &mut dice, (number, product, begins))
    } else {
        Vec::new()
    }
}

/// Plans the invitations of which the last brings a new visitor, who would come at `at`; and when this one comes then.
pub(super) fn plan_invitations(
    shop: &Shop,
    shoppers: &[Shopper],
    invited: &Shopper,
    at: i64,
) -> Option<(i64, NewActs)> {
    let number = invited.number(shop);
    let mut dice = RandomStream::of(shop.seed ^ STREAMS, [number, u64::MAX]);
    if !dice.chance(INVITED) {
        return None;
    }
    let mut acts = NewActs::new();
    for nth in 0..INVITATIONS {
        let inviter = *members((shop, shoppers, at), &mut dice, number, 1).first()?;
        let (code, later) = match nth {
            0 => (invitation_code(number), 1_000),
            nth => (format!("{}-{nth}", invitation_code(number)), dice.between(0, 20 * HOUR)),
        };
        acts.push((at + later, PlannedAct { shopper: inviter, device_of: inviter, deed: Deed::Invite { code } }));
    }
    let comes = at + dice.between(HOUR, 30 * HOUR);
    Some((shop.rhythm.awake(&mut dice, invited.profile(shop).home, comes), acts))
}

fn team(shop: &Shop, shoppers: &[Shopper], dice: &mut RandomStream, of: (u64, ProductId, i64)) -> NewActs {
    let (opener, product, begins) = of;
    let (cheats, fills) = (dice.chance(CHEATS), dice.chance(TEAM_FILLS));
    let count = if cheats || fills { 2 } else { dice.between(0, 1) };
    let deed = Deed::JoinTeam { group_id: format!("team-{opener}-{:x}", begins / 1_000), product };
    let mut acts = vec![(begins, PlannedAct { shopper: opener, device_of: opener, deed: deed.clone() })];
    for friend in members((shop, shoppers, begins), dice, opener, count as usize) {
        let at = begins + dice.between(HOUR / 6, if cheats { HOUR } else { JOINS_WITHIN });
        let device_of = if cheats { opener } else { friend };
        let at = if cheats { at } else { awake(shop, dice, friend, at).min(begins + JOINS_WITHIN) };
        acts.push((at, PlannedAct { shopper: friend, device_of, deed: deed.clone() }));
    }
    acts
}

fn bargain(shop: &Shop, shoppers: &[Shopper], dice: &mut RandomStream, of: (u64, ProductId, i64)) -> NewActs {
    let (opener, product, begins) = of;
    let bargain_id = format!("bargain-{opener}-{:x}", begins / 1_000);
    let count = if dice.chance(BARGAIN_ENDS) { HELPERS } else { dice.between(0, HELPERS as i64 - 1) as usize };
    let deed = Deed::StartBargain { bargain_id: bargain_id.clone(), product };
    let mut acts = vec![(begins, PlannedAct { shopper: opener, device_of: opener, deed })];
    for friend in members((shop, shoppers, begins), dice, opener, count) {
        let at = begins + dice.between(HOUR / 6, HELPS_WITHIN);
        let at = awake(shop, dice, friend, at).min(begins + HELPS_WITHIN);
        let help = || PlannedAct {
            shopper: friend,
            device_of: friend,
            deed: Deed::HelpBargain { bargain_id: bargain_id.clone() },
        };
        acts.push((at, help()));
        if dice.chance(HELPS_TWICE) {
            acts.push((at + dice.between(60_000, HOUR), help()));
        }
    }
    acts
}

fn awake(shop: &Shop, dice: &mut RandomStream, number: u64, at: i64) -> i64 {
    let home = Shopper::numbered(shop, number).profile(shop).home;
    shop.rhythm.awake(dice, home, at)
}

/// Some members of the shop, each once, without the one of that number; fewer where hardly any are found.
fn members(
    (shop, shoppers, at): (&Shop, &[Shopper], i64),
    dice: &mut RandomStream,
    without: u64,
    count: usize,
) -> Vec<u64> {
    let mut found = Vec::new();
    for _ in 0..DRAWS_MAX {
        if found.len() == count {
            break;
        }
        let slot = dice.between(0, shoppers.len() as i64 - 1);
        let Some(shopper) = usize::try_from(slot).ok().and_then(|slot| shoppers.get(slot)) else { continue };
        let number = shopper.number(shop);
        if shopper.signed_up && shopper.next_visit - at <= COMES_SOON && number != without && !found.contains(&number) {
            found.push(number);
        }
    }
    found
}

/// Does it.
pub(super) fn act(shop: &Shop, planned: &PlannedAct, at: i64, pending: &mut PendingLines) {
    let shopper = Shopper::numbered(shop, planned.shopper);
    let profile = shopper.profile(shop);
    let (user, device) = (shopper.user_id(shop), Shopper::numbered(shop, planned.device_of).anonymous_id(shop, 0));
    let context = CallContext {
        timezone: profile.home.timezone,
        campaign: CampaignContext { source: "friends", medium: "social" },
        device: Device { kind: if profile.mobile_first { "mobile" } else { "desktop" } },
    };
    // Who uses another's device has not signed in there before: with its id the two would be taken for one.
    let own = shopper.anonymous_id(shop, 0);
    let origin = CallOrigin { user_id: Some(&user), anonymous_id: Some(&own), context: Some(&context) };
    let mut properties = FriendProperties { device_id: device, ..FriendProperties::default() };
    let mut about = |product: ProductId| {
        properties.product_id = Some(product.id());
        properties.name = Some(product.name());
        properties.price = Some(dollars(shop.product(product, at).price));
    };
    let event = match &planned.deed {
        Deed::JoinTeam { group_id, product } => {
            about(*product);
            properties.group_id = Some(group_id.clone());
            "Team Joined"
        }
        Deed::StartBargain { bargain_id, product } => {
            about(*product);
            properties.bargain_id = Some(bargain_id.clone());
            "Bargain Started"
        }
        Deed::HelpBargain { bargain_id } => {
            properties.bargain_id = Some(bargain_id.clone());
            "Bargain Helped"
        }
        Deed::Invite { code } => {
            properties.code = Some(code.clone());
            "Invitation Sent"
        }
    };
    let mut dice = RandomStream::of(shop.seed ^ STREAMS, [planned.shopper, at.unsigned_abs()]);
    let mut outbox = Outbox::new(shop, &shopper, &format!("f{at:x}"), pending);
    let call = CallBody::Track { event, properties: CallProperties::Friends(properties) };
    outbox.send(&mut dice, at, origin, &call);
}
