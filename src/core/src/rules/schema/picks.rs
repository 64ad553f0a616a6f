//! The shape of `[[picks]]`.

use schemars::JsonSchema;

use super::{DurationText, IdText};

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "a shape: only its schema is used")]
enum PickIntervalSchema {
    Hour,
    Day,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape: only its schema is used")]
pub(super) struct PicksSchema {
    /// Its name.
    #[schemars(with = "IdText")]
    id: (),
    /// The names of [events] whose matches are touches.
    #[schemars(length(min = 1))]
    on: Vec<String>,
    /// The property of the matches that is the item.
    #[schemars(length(min = 1))]
    item: String,
    /// What it offers: "session", "together", "popular", "again" or "similar"; or the id of picks above.
    kind: Option<String>,
    /// The same, one after the other.
    #[schemars(length(min = 1))]
    kinds: Option<Vec<String>>,
    /// When an index is made of what arrived until then.
    every: PickIntervalSchema,
    /// What the index looks back over. Default: "30d".
    #[schemars(with = "Option<DurationText>")]
    window: Option<()>,
    /// How far apart two touches of a session may be; "0s": every event is one. Default: "30m".
    #[schemars(with = "Option<DurationText>")]
    gap: Option<()>,
    /// The names of [events] whose items are not offered to who has matches of them.
    without: Option<Vec<String>>,
    /// The id of the [tables.T] with the rows of items.
    table: Option<String>,
    /// What the row of an item must meet: row.in_stock.
    r#where: Option<String>,
    /// The columns of the table by whose values items are alike, for "similar".
    #[schemars(length(min = 1, max = 8))]
    by: Option<Vec<String>>,
    /// How many items of the current session are asked about. Default: 4.
    #[schemars(range(min = 1, max = 9))]
    last: Option<u8>,
    /// How many sessions like the current one are looked at. Default: 100.
    #[schemars(range(min = 1, max = 10_000))]
    near: Option<u16>,
    /// How many sessions of an item are looked at. Default: 500.
    #[schemars(range(min = 1, max = 10_000))]
    sessions: Option<u16>,
    /// How many items of a user are kept. Default: 1000.
    #[schemars(range(min = 1, max = 10_000))]
    own: Option<u16>,
    /// A line for people.
    description: Option<String>,
}
