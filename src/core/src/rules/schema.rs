//! The shape of a rules file as JSON Schema, for editors: completion, descriptions, errors while typing.
//!
//! The types here are never constructed; [`schema`] derives the schema from them, and a test compares their keys with those
//! that the reader knows. Whether a condition compiles or a name exists is checked by `rekindle check`, not by the schema.
//!
//! Draft 07, without references: what the common TOML extensions understand.

mod budgets;
mod goals;
mod groups;
mod models;
mod partners;
mod picks;
mod points;
mod ranks;
mod tables;

use std::collections::BTreeMap;

use super::growth::{FunnelSchema, GrowthSchema, PromotionSchema, TargetSchema};
use budgets::{BudgetSchema, CouponSchema, SettleSchema, SpendSchema};
use goals::GoalSchema;
use groups::GroupSchema;
use models::ModelSchema;
use partners::PartnerSchema;
use picks::PicksSchema;
use points::{LedgerSchema, PriceSchema};
use ranks::{AdaptSchema, RankSchema};
use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value};
use tables::TableSchema;

/// The JSON Schema of rules files.
pub fn schema() -> Value {
    schema_of::<RulesSchema>()
}

/// The JSON Schema of a type: draft 07, without references.
pub fn schema_of<T: JsonSchema>() -> Value {
    let mut settings = SchemaSettings::draft07();
    settings.inline_subschemas = true;
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    RecursiveTransform(tidy).transform(&mut schema);
    schema.into()
}

/// Removes what does not apply to TOML: Rust's widths of numbers, and `null`.
fn tidy(schema: &mut Schema) {
    schema.remove("format");
    if schema.get("default").is_some_and(Value::is_null) {
        schema.remove("default");
    }
    if let Some(Value::Array(choices)) = schema.get_mut("enum") {
        choices.retain(|choice| !choice.is_null());
    }
    let Some(Value::Array(types)) = schema.get_mut("type") else { return };
    types.retain(|name| name != "null");
    if let [only] = types.as_slice() {
        let only = only.clone();
        schema.insert("type".to_owned(), only);
    }
}

/// The shape of a duration.
pub struct DurationText;
/// The shape of an id of a segment, campaign, channel or variant.
pub(super) struct IdText;

/// The shape of what is consented to.
pub(super) struct PurposeText;

impl JsonSchema for PurposeText {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Purpose".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": 128 })
    }
}

impl JsonSchema for DurationText {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^([0-9]+(ms|s|m|h|d|w))+$" })
    }
}

impl JsonSchema for IdText {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Id".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$" })
    }
}

/// Segments and campaigns of Rekindle.
#[derive(JsonSchema)]
#[schemars(rename = "Rules", deny_unknown_fields)]
#[expect(dead_code, reason = "a shape: only its schema is used")]
struct RulesSchema {
    /// The time zone of users whose own is unknown: an IANA name or a fixed offset. Default: "UTC".
    timezone: Option<String>,
    /// The share of users in the global control group, who are sent nothing. Default: 0.
    #[schemars(range(min = 0.0, max = 1.0))]
    control: Option<f64>,
    /// How long a messageId is remembered, so that an event sent twice counts once. Default: "24h".
    #[schemars(with = "Option<DurationText>")]
    dedup_window: Option<()>,
    /// What users must consent to before a campaign that says nothing else is sent: keys of
    /// context.consent.categoryPreferences. Default: nothing.
    needs: Option<Vec<PurposeText>>,
    /// Names for events: the name in conditions on the left, the site's event on the right.
    #[schemars(with = "Option<BTreeMap<EventId, EventSchema>>")]
    events: Option<()>,
    /// State for each value of a key, like each cart: what segments with `per` are about.
    #[schemars(with = "Option<BTreeMap<IdText, PerSchema>>")]
    per: Option<()>,
    /// What several users do together: what segments with `of` are about.
    #[schemars(with = "Option<BTreeMap<IdText, GroupSchema>>")]
    groups: Option<()>,
    /// Rows that conditions of all users read, such as products: from calls that are no user's events.
    #[schemars(with = "Option<BTreeMap<IdText, TableSchema>>")]
    tables: Option<()>,
    /// Models of repeat purchase: how probable it is that a user is still a customer. `rekindle fit` prints them.
    models: Option<Vec<ModelSchema>>,
    /// Segments of users, or of keys.
    segments: Option<Vec<SegmentSchema>>,
    /// Ledgers: points that users earn and spend.
    ledgers: Option<Vec<LedgerSchema>>,
    /// Budgets: how much campaigns may spend, and in which period.
    budgets: Option<Vec<BudgetSchema>>,
    /// Partners: who is told which users are in some segments, while these consent to it.
    partners: Option<Vec<PartnerSchema>>,
    /// Ranks: users ordered by a number, as an hour, a day, a week or a month begins.
    ranks: Option<Vec<RankSchema>>,
    /// Picks: what to offer to a user.
    picks: Option<Vec<PicksSchema>>,
    /// Campaigns: what is sent when a user enters or leaves a segment, or when an event happens.
    campaigns: Option<Vec<CampaignSchema>>,
    /// The maximum number of messages to a user, over all campaigns.
    caps: Option<Vec<CapSchema>>,
    /// Goals: what users are to do after a campaign, counted in those who get it and those who do not.
    goals: Option<Vec<GoalSchema>>,
    /// The growth numbers: users, retention, funnels, commerce. They are computed only with this section.
    growth: Option<GrowthSchema>,
    /// Funnels: steps that users take in order, and how many reach each. Belongs to [growth].
    #[schemars(length(max = 8))]
    funnels: Option<Vec<FunnelSchema>>,
    /// Promotions, compared with the time before, after, and a week earlier. Belongs to [growth].
    #[schemars(length(max = 16))]
    promotions: Option<Vec<PromotionSchema>>,
    /// Targets: the value of a metric to be reached in a period. Belongs to [growth].
    #[schemars(length(max = 32))]
    targets: Option<Vec<TargetSchema>>,
}

/// The name of an event in conditions. Words of the language are refused by `rekindle check`.
struct EventId;

impl JsonSchema for EventId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "EventId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" })
    }
}

#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "a shape: only its schema is used")]
enum EventSchema {
    /// The `event` of a track call, as the site sends it.
    Name(#[schemars(length(min = 1))] String),
    /// A filtered track call, or another type of call.
    Table(EventTable),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape: only its schema is used")]
struct EventTable {
    /// The `event` of the track call, as the site sends it.
    #[schemars(length(min = 1))]
    event: Option<String>,
    /// The type of call. Default: "track".
    r#type: Option<EventType>,
    /// An array of the event's properties: the name matches once for each of its first 1,000 elements that is an object.
    #[schemars(length(min = 1))]
    each: Option<String>,
    /// A condition on the event itself, or on an element (`item.x`): only what meets it matches.
    r#where: Option<String>,
    /// Values of each match, computed of the event's properties (`properties.x`) and of the element (`item.x`).
    r#let: Option<BTreeMap<String, String>>,
    /// The [groups.…] that tell this, instead of events.
    #[schemars(with = "Option<IdText>")]
    of: Option<()>,
    /// When it is told: "enter:segment" or "exit:segment".
    on: Option<String>,
    /// A name: all who have a match of it in the group are told.
    to: Option<String>,
    /// The user whose id this expression gives is told.
    to_user: Option<String>,
    /// The rank that tells this at each taking, instead of events.
    #[schemars(with = "Option<IdText>")]
    rank: Option<()>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[expect(dead_code, reason = "a shape: only its schema is used")]
enum EventType {
    Track,
    Page,
    Screen,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape: only its schema is used")]
struct PerSchema {
    /// The property of matches whose values are the keys: a text of 1 to 256 bytes, or a whole number.
    #[schemars(length(min = 1))]
    key: String,
    /// How long after its latest match a key is forgotten.
    #[schemars(with = "DurationText")]
    ttl: (),
    /// How many keys of a user are kept at a time. Default: 20.
    #[schemars(range(min = 1, max = 1000))]
    max: Option<u16>,
    /// The [tables.…] whose rows have these keys.
    #[schemars(with = "Option<IdText>")]
    table: Option<()>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape: only its schema is used")]
struct SegmentSchema {
    /// Its name in campaigns, subjects and metrics.
    #[schemars(with = "IdText")]
    id: (),
    /// The [per.…] whose keys are the members; left out: users are.
    #[schemars(with = "Option<IdText>")]
    per: Option<()>,
    /// The [groups.…] whose groups are the members.
    #[schemars(with = "Option<IdText>")]
    of: Option<()>,
    /// The condition for being a member; `rekindle rules` prints the language reference.
    when: String,
    /// A line for people.
    description: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape: only its schema is used")]
struct CampaignSchema {
    /// Its name in subjects and metrics.
    #[schemars(with = "IdText")]
    id: (),
    /// What triggers it: "enter:segment", "exit:segment" or "event:name".
    #[schemars(regex(pattern = "^((enter|exit):[A-Za-z0-9_-]{1,64}|event:[A-Za-z_][A-Za-z0-9_]*)$"))]
    on: String,
    /// How the message is delivered.
    #[schemars(with = "IdText")]
    channel: (),
    /// Of several campaigns that are triggered at once, the highest decides first. Default: 0.
    priority: Option<i64>,
    /// The minimum time between two exposures of a user.
    #[schemars(with = "Option<DurationText>")]
    cooldown: Option<()>,
    /// The maximum number of exposures of a user, ever.
    #[schemars(range(min = 1, max = 4_294_967_295_u32))]
    max_per_user: Option<i64>,
    /// The maximum number of exposures for one key of a user; only with a segment with `per`.
    #[schemars(range(min = 1, max = 4_294_967_295_u32))]
    max_per_key: Option<i64>,
    /// What the user must consent to: keys of context.consent.categoryPreferences. Default: what the rules need.
    needs: Option<Vec<PurposeText>>,
    /// A condition that must also hold at the decision.
    r#if: Option<String>,
    /// Hours in which nothing is sent, in the user's local time: "22:00-08:00".
    #[schemars(regex(pattern = r"^\s*([01][0-9]|2[0-3]):[0-5][0-9]\s*-\s*([01][0-9]|2[0-3]):[0-5][0-9]\s*$"))]
    quiet_hours: Option<String>,
    /// A draw, each time the campaign decides: the share of draws that win. Without it, nothing is drawn.
    #[schemars(range(min = 0.0, max = 1.0))]
    chance: Option<f64>,
    /// The share of users to whom this campaign is not sent, for comparison. Default: 0.
    #[schemars(range(min = 0.0, max = 1.0))]
    holdout: Option<f64>,
    /// Alternatives to compare; a user always gets the same one.
    variants: Option<Vec<VariantSchema>>,
    /// The weights of the variants follow from what came of them.
    adapt: Option<AdaptSchema>,
    /// What it takes of budgets: all of it, or it is not sent.
    spends: Option<Vec<SpendSchema>>,
    /// A coupon with a code that cannot be guessed; its fields and the code are in the payload.
    coupon: Option<CouponSchema>,
    /// What the user pays for it, in points. Who has fewer gets nothing.
    price: Option<PriceSchema>,
    /// The costs are reserved until an event says what was spent, or the time is over.
    settle: Option<SettleSchema>,
    /// Constant fields of the action.
    payload: Option<Map<String, Value>>,
    /// Computed fields of the action: an expression for each.
    payload_from: Option<BTreeMap<String, String>>,
    /// How long the action is worth delivering, and how long ago the event or the deferral may be when the campaign decides.
    /// Default: "24h".
    #[schemars(with = "Option<DurationText>")]
    expires: Option<()>,
    /// The ids of the goals that it is measured by. Default: all.
    goals: Option<Vec<String>>,
    /// A line for people.
    description: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape: only its schema is used")]
struct VariantSchema {
    /// Its name in actions.
    #[schemars(with = "IdText")]
    id: (),
    /// Its share, relative to the other weights.
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1_000_000))]
    weight: f64,
    /// Fields of the action for users who get this variant.
    payload: Option<Map<String, Value>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape: only its schema is used")]
struct CapSchema {
    /// The maximum number of messages.
    #[schemars(range(min = 1, max = 4_294_967_295_u32))]
    max: i64,
    /// The length of time within which they are counted.
    #[schemars(with = "DurationText")]
    per: (),
    /// The channel whose messages are counted. Default: all channels together.
    #[schemars(with = "Option<IdText>")]
    channel: Option<()>,
}
