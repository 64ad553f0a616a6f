//! The JSON Schema and the reader say the same of a file, as far as a schema can.

use jsonschema::Validator;
use serde_json::{Value, json};
use strum::VariantNames;

use crate::rules::schema::schema;
use crate::rules::{compile, growth, tables};

fn validator() -> Validator {
    jsonschema::draft7::new(&schema()).unwrap()
}

fn accepts(schema: &Validator, text: &str) -> bool {
    let value: Value = toml::from_str(text).unwrap();
    schema.is_valid(&value)
}

#[test]
fn the_schema_is_itself_valid() {
    jsonschema::draft7::meta::validate(&schema()).unwrap();
}

#[test]
fn the_schema_offers_nothing_that_toml_has_not() {
    for word in ["null", "format", "$ref"] {
        assert!(!schema().to_string().contains(&format!("\"{word}\"")), "{word}");
    }
}

#[test]
fn the_schema_has_the_readers_keys_and_no_other() {
    let schema = schema();
    let campaign = "/properties/campaigns/items";
    let event = "/properties/events/patternProperties/^[A-Za-z_][A-Za-z0-9_]*$/anyOf/1";
    let variant = format!("{campaign}/properties/variants/items");
    let per = "/properties/per/patternProperties/^[A-Za-z0-9_-]{1,64}$";
    let tables: [(&str, &[&str]); 27] = [
        ("/properties/tables/patternProperties/^[A-Za-z0-9_-]{1,64}$", &tables::TABLE_KEYS),
        ("/properties/groups/patternProperties/^[A-Za-z0-9_-]{1,64}$", &tables::GROUP_KEYS),
        (per, &tables::PER_KEYS),
        ("/properties/models/items", &tables::MODEL_KEYS),
        ("", &tables::TOP_KEYS),
        ("/properties/caps/items", &tables::CAP_KEYS),
        ("/properties/goals/items", &tables::GOAL_KEYS),
        (event, &tables::EVENT_KEYS),
        ("/properties/segments/items", &tables::SEGMENT_KEYS),
        (campaign, &tables::CAMPAIGN_KEYS),
        ("/properties/growth", &growth::GROWTH_KEYS),
        ("/properties/growth/properties/lifecycle", growth::Stage::VARIANTS),
        ("/properties/funnels/items", &growth::FUNNEL_KEYS),
        ("/properties/promotions/items", &growth::PROMOTION_KEYS),
        ("/properties/targets/items", &growth::TARGET_KEYS),
        (&variant, &tables::VARIANT_KEYS),
        (&format!("{campaign}/properties/adapt"), &tables::ADAPT_KEYS),
        ("/properties/budgets/items", &tables::BUDGET_KEYS),
        (&format!("{campaign}/properties/spends/items"), &tables::SPEND_KEYS),
        (&format!("{campaign}/properties/settle"), &tables::SETTLE_KEYS),
        ("/properties/ledgers/items", &tables::LEDGER_KEYS),
        ("/properties/ledgers/items/properties/earn/items", &tables::EARNING_KEYS),
        ("/properties/ledgers/items/properties/spend/items", &tables::SPENDING_KEYS),
        (&format!("{campaign}/properties/price"), &tables::PRICE_KEYS),
        ("/properties/partners/items", &tables::PARTNER_KEYS),
        ("/properties/picks/items", &tables::PICKS_KEYS),
        ("/properties/ranks/items", &tables::RANK_KEYS),
    ];
    for (place, keys) in tables {
        let table = schema.pointer(place).unwrap_or_else(|| panic!("nothing at {place} in {schema:#}"));
        assert_eq!(table["additionalProperties"], false, "{place}");
        let found: Vec<_> = table["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        let mut known = keys.to_vec();
        known.sort_unstable();
        assert_eq!(found, known, "{place}");
        for key in keys.iter().filter(|_| place != event) {
            let described = table["properties"][key]["description"].as_str();
            assert!(described.is_some_and(|text| text.len() > 5), "{place} {key} is not described");
        }
    }
    let types = &schema.pointer(event).unwrap()["properties"]["type"]["enum"];
    assert_eq!(*types, json!(tables::EVENT_TYPES));
}

const GOOD: &str = r#"
timezone = "Europe/Berlin"
control = 0.1
dedup_window = "1h30m"
[events]
view = "Product Viewed"
page = { type = "page" }
big = { event = "Order Completed", where = "properties.total > 100" }
[[segments]]
id = "s"
when = "total(view) > 0"
[[models]]
id = "buying"
kind = "mbg_nbd"
on = "big"
min_gap = "1h"
unit = "7d"
r = 0.5
alpha = 6
a = 1
b = 1.6
value = "total"
p = 6.25
q = 3.74
gamma = 15.44
[[campaigns]]
id = "c"
on = "enter:s"
channel = "email"
priority = -3
cooldown = "7d"
max_per_user = 1
if = "total(big) > 0"
quiet_hours = "22:00 - 08:00"
holdout = 1
variants = [{ id = "a", weight = 1 }, { id = "b", weight = 0.5, payload = { x = [1, { y = true }] } }]
payload = { text = "Hello" }
payload_from = { views = "total(view)" }
expires = "1d"
description = "d"
[[caps]]
max = 3
per = "7d"
channel = "email"
[growth]
timezone = "Europe/Berlin"
session_gap = "1h"
own_hosts = ["shop.example"]
orders = "big"
carts = "view"
order_value = "revenue"
channels = { search = ["google"], social = ["tiktok"] }
lifecycle = { active = "s" }
[[funnels]]
id = "f"
steps = ["view", "big"]
within = "1d"
[[promotions]]
id = "p"
starts = "2026-11-27"
ends = "2026-11-28T18:00"
[[targets]]
metric = "gmv"
period = "month"
value = 1200000
"#;

#[test]
fn both_accept_what_is_right() {
    let validator = validator();
    for text in ["", GOOD, include_str!("../../../../../config/rules.toml")] {
        let value: Value = toml::from_str(text).unwrap();
        validator.validate(&value).unwrap_or_else(|error| panic!("{error} at {} in {text}", error.instance_path()));
        assert_eq!(compile(text).err(), None);
    }
}

#[test]
fn both_refuse_what_is_wrong() {
    let validator = validator();
    for (right, wrong) in [
        ("timezone =", "timezones ="),
        ("0.1", "1.1"),
        ("0.1", "'0.1'"),
        ("1h30m", "1h 30m"),
        ("view = \"Product Viewed\"", "view = 3"),
        ("view = \"Product Viewed\"", "view = ''"),
        ("view = \"Product Viewed\"", "\"the view\" = 'x'"),
        ("type = \"page\"", "type = \"pages\""),
        ("type = \"page\"", "typ = \"page\""),
        ("id = \"s\"\n", ""),
        ("id = \"s\"", "id = \"s s\""),
        ("when = \"total(view) > 0\"", "when = true"),
        ("id = \"c\"\n", "id = \"\"\n"),
        ("on = \"enter:s\"\n", ""),
        ("enter:s", "into:s"),
        ("channel = \"email\"\npriority", "priority"),
        ("-3", "1.5"),
        ("max_per_user = 1", "max_per_user = 0"),
        ("22:00 - 08:00", "22:00-24:00"),
        ("holdout = 1", "holdout = 2"),
        ("weight = 1", "weight = 0"),
        ("weight = 0.5", "weight = 1000001"),
        (", weight = 0.5", ""),
        ("payload = { text = \"Hello\" }", "payload = 'Hello'"),
        ("views = \"total(view)\"", "views = 3"),
        ("expires = \"1d\"", "expires = 1"),
        ("max = 3", "max = 0"),
        ("max = 3\n", ""),
        ("per = \"7d\"", "per = \"a week\""),
        ("per = \"7d\"\nchannel = \"email\"", "per = \"7d\"\nchannel = \"e mail\""),
    ] {
        let text = GOOD.replacen(right, wrong, 1);
        assert_ne!(text, GOOD, "{right} is not in the rules");
        assert!(!accepts(&validator, &text), "the schema takes {wrong}");
        assert!(compile(&text).is_err(), "the reader takes {wrong}");
    }
}
