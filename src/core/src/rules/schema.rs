//! The shape of a rules file as JSON Schema, for editors: completion, descriptions, red lines while typing.
//!
//! The types in here are never made; [`schema`] derives the schema from them, and a test holds their keys to those the
//! reader knows. A schema cannot tell whether a condition compiles or a name exists: that is `rekindle check`.
//!
//! Draft 07, without references: what the common TOML extensions understand.

use std::collections::BTreeMap;

use super::growth::{FunnelSchema, GrowthSchema, PromotionSchema, TargetSchema};
use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value};

/// The JSON Schema of rules files.
pub fn schema() -> Value {
    schema_of::<RulesSchema>()
}

/// The JSON Schema of a type: draft 07, everything in its place.
pub fn schema_of<T: JsonSchema>() -> Value {
    let mut settings = SchemaSettings::draft07();
    settings.inline_subschemas = true;
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    RecursiveTransform(tidy).transform(&mut schema);
    schema.into()
}

/// Takes out what says nothing about TOML: Rust's widths of numbers, and `null`, which TOML has not.
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
    /// The zone (IANA) for people whose own is not known. "UTC" unless said otherwise.
    timezone: Option<String>,
    /// The share of people who never get anything, for comparison. 0 unless said otherwise.
    #[schemars(range(min = 0.0, max = 1.0))]
    control: Option<f64>,
    /// The same messageId counts once within this. "10m" unless said otherwise.
    #[schemars(with = "Option<DurationText>")]
    dedup_window: Option<()>,
    /// Names for events: ours on the left, the site's on the right.
    #[schemars(with = "Option<BTreeMap<EventId, EventSchema>>")]
    events: Option<()>,
    /// Who belongs together.
    segments: Option<Vec<SegmentSchema>>,
    /// What is sent when somebody enters or leaves a segment.
    campaigns: Option<Vec<CampaignSchema>>,
    /// How many messages a person gets at most, over all campaigns.
    caps: Option<Vec<CapSchema>>,
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

/// What an event may be called in conditions. Words of the language are taken; `check` knows them.
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
    /// The name of a track call, as the site sends it.
    Name(#[schemars(length(min = 1))] String),
    /// A track call of which not all count, or another kind of call.
    Table(EventTable),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape: only its schema is used")]
struct EventTable {
    /// The name of the track call, as the site sends it.
    #[schemars(length(min = 1))]
    event: Option<String>,
    /// The kind of call. "track" unless said otherwise.
    r#type: Option<EventType>,
    /// A condition on the event itself: only events for which it holds count.
    r#where: Option<String>,
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
struct SegmentSchema {
    /// What it is called in campaigns, subjects and metrics.
    #[schemars(with = "IdText")]
    id: (),
    /// Who is in it: a condition. `rekindle rules` tells the language.
    when: String,
    /// For people.
    description: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape: only its schema is used")]
struct CampaignSchema {
    /// What it is called in subjects and metrics.
    #[schemars(with = "IdText")]
    id: (),
    /// What sets it off: "enter:segment" or "exit:segment".
    #[schemars(regex(pattern = "^(enter|exit):[A-Za-z0-9_-]{1,64}$"))]
    on: String,
    /// What the message goes out on.
    #[schemars(with = "IdText")]
    channel: (),
    /// Of several campaigns set off at once, the highest goes first. 0 unless said otherwise.
    priority: Option<i64>,
    /// How long after a message of this campaign a person gets no other of it.
    #[schemars(with = "Option<DurationText>")]
    cooldown: Option<()>,
    /// How often a person gets it at most, ever.
    #[schemars(range(min = 1, max = 4_294_967_295_u32))]
    max_per_user: Option<i64>,
    /// A condition that must hold too, when the message would go out.
    r#if: Option<String>,
    /// From when to when nothing goes out, in the person's own time: "22:00-08:00".
    #[schemars(regex(pattern = r"^\s*([01][0-9]|2[0-3]):[0-5][0-9]\s*-\s*([01][0-9]|2[0-3]):[0-5][0-9]\s*$"))]
    quiet_hours: Option<String>,
    /// The share of people who don't get this campaign, for comparison. 0 unless said otherwise.
    #[schemars(range(min = 0.0, max = 1.0))]
    holdout: Option<f64>,
    /// Versions to compare; each person always gets the same one.
    variants: Option<Vec<VariantSchema>>,
    /// Fixed fields of the action.
    payload: Option<Map<String, Value>>,
    /// Fields of the action that are computed: an expression each.
    payload_from: Option<BTreeMap<String, String>>,
    /// How long the action is worth sending. "1d" unless said otherwise.
    #[schemars(with = "Option<DurationText>")]
    expires: Option<()>,
    /// For people.
    description: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape: only its schema is used")]
struct VariantSchema {
    /// What it is called in actions.
    #[schemars(with = "IdText")]
    id: (),
    /// Its share, relative to the other weights.
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1_000_000))]
    weight: f64,
    /// Fields of the action for those who get this one.
    payload: Option<Map<String, Value>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape: only its schema is used")]
struct CapSchema {
    /// How many messages at most.
    #[schemars(range(min = 1, max = 4_294_967_295_u32))]
    max: i64,
    /// Within how long.
    #[schemars(with = "DurationText")]
    per: (),
    /// Which channel; left out: all of them together.
    #[schemars(with = "Option<IdText>")]
    channel: Option<()>,
}
