//! Templates of conditions; `{…}` is a blank that is filled from a pool.

/// `count`, `sum`, … of the rules language, and every way to put them to use. The first are the plainest.
pub(crate) const SEGMENT_TEMPLATES: &[&str] = &[
    "count({name}, {window}) {comparison} {integer}",
    "total({name}) {comparison} {integer}",
    "since({name}) {comparison} duration({duration})",
    "idle() {comparison} duration({duration})",
    "age() {comparison} duration({duration})",
    "in_segment({segment})",
    "sum({name}.{number}, {window}) {comparison} {double}",
    "min({name}.{number}, {window}) {comparison} {double}",
    "max({name}.{number}, {window}) {comparison} {double}",
    "avg({name}.{number}, {window}) {comparison} {double}",
    "distinct({name}.{any}, {window}) {comparison} {integer}",
    "total({name}.{number}) {comparison} {double}",
    "last({name}.{number}) {comparison} {double}",
    "last({name}.{string}) {comparison} {text}",
    "last({name}.gift)",
    "last({name}.big)",
    "last({name}.{string}) in [{text}, {text}]",
    "last({name}.{string}).startsWith({text})",
    "since({name}) {comparison} since({name})",
    "duration({duration}) {comparison} since({name})",
    "since({name}) + duration({duration}) {comparison} duration({duration}) - duration('1s')",
    "since({name}) - duration({duration}) {comparison} since({name})",
    "since({name}) - since({name}) {comparison} duration({duration})",
    "idle() + duration({duration}) {comparison} age()",
    "in_segment({segment}) == false",
    "(since({name}) < duration({duration})) != in_segment({segment})",
    "traits.{trait} {comparison} {text}",
    "traits.age {comparison} {double}",
    "traits.age {comparison} {integer}",
    "has(traits.{trait})",
    "traits.vip",
    "traits.{trait} in [{text}, {text}, {integer}]",
    "{text} in traits.tags",
    "traits.{trait}.startsWith({text})",
    "traits.{trait}.endsWith({text})",
    "traits.{trait}.contains({text})",
    "traits.{trait}.matches({pattern})",
    "count({name}, {window}) - count({name}, {window}) {comparison} {integer}",
    "total({name}) * 2 / 3 {comparison} {integer}",
    "total({name}) / total({name}) {comparison} {integer}",
    "-total({name}) / 2 {comparison} {integer}",
    "sum({name}.{number}, {window}) / count({name}, {window}) {comparison} {double}",
    "-total({name}.{number}) {comparison} {double}",
    "max({name}.{number}, {window}) - min({name}.{number}, {window}) {comparison} {double}",
    "traits.age + 1 {comparison} {double}",
    "number(last({name}.{number})) {comparison} {double}",
    "number(last({name}.coupon)) + 0.1 {comparison} {double}",
    "number(traits.age) / 3 {comparison} {double}",
    "last({name}.{number}) * last({name}.{number}) {comparison} {double}",
    "total({name}.{number}) - total({name}.{number}) / 7 {comparison} {double}",
    "last({name}.tags) {comparison} {text}",
    "last({name}.price) in [12345678901234567, 12345678901234568, 0.1]",
    "total({name}.{number}) {comparison} traits.age",
    // Those that change most often stand here again, written the way rules mostly are.
    "since({name}) < duration({duration})",
    "since({name}) >= duration({duration})",
    "idle() >= duration({duration})",
    "idle() < duration({duration})",
    "count({name}, {window}) >= {integer}",
    "count({name}, {window}) == {integer}",
    "count({name}, {window}) < {integer}",
    "sum({name}.{number}, {window}) > {double}",
    "distinct({name}.{any}, {window}) >= {integer}",
    "since({name}) < duration({duration})",
    "since({name}) >= duration({duration})",
    "idle() >= duration({duration})",
    "idle() < duration({duration})",
    "count({name}, {window}) >= {integer}",
    "count({name}, {window}) == {integer}",
    "count({name}, {window}) < {integer}",
    "sum({name}.{number}, {window}) > {double}",
    "distinct({name}.{any}, {window}) >= {integer}",
];

/// What a `where` may look at.
pub(crate) const FILTER_TEMPLATES: &[&str] = &[
    "properties.category {comparison} {text}",
    "properties.price {comparison} {double}",
    "has(properties.{any})",
    "properties.gift",
    "properties.category in [{text}, {text}]",
    "properties.quantity in [1, 2.0, {text}]",
    "{text} in properties.tags",
    "properties.category.startsWith({text})",
    "properties.coupon.endsWith({text})",
    "properties.price.contains({text})",
    "properties.path.matches({pattern})",
    "context.device.type {comparison} {text}",
    "has(context.device)",
    "traits.{trait} {comparison} {text}",
    "traits.vip",
    "properties.price * properties.quantity {comparison} {double}",
    "properties.quantity / 2 {comparison} {double}",
    "properties.price {comparison} traits.age",
    "number(properties.price) {comparison} {double}",
    "properties.tags {comparison} {text}",
    "properties.price == 12345678901234568",
];

/// What a segment says with calendars, days and the times of events.
pub(crate) const CALENDAR_TEMPLATES: &[&str] = &[
    "days({name}, {days}) {comparison} {integer}",
    "streak({name}) {comparison} {integer}",
    "followed({name}, {name}, {length}) {comparison} {integer}",
    "first({name}.{number}) {comparison} {double}",
    "first({name}.{string}) {comparison} {text}",
    "first({name}.{string}) == last({name}.{string})",
    "gap({name}) {comparison} duration({duration})",
    "gap({name}) {comparison} gap({name})",
    "usual_gap({name}) {comparison} duration({duration})",
    "gap({name}) / usual_gap({name}) {comparison} {factor}",
    "since({name}) {comparison} gap({name})",
    "since({name}) > usual_gap({name}) * {factor}",
    "since({name}) < {factor} * usual_gap({name})",
    "since({name}) * {factor} {comparison} duration({duration})",
    "since({name}) / {factor} {comparison} duration({duration})",
    "since({name}) / usual_gap({name}) {comparison} {factor}",
    "since({name}) / duration({duration}) {comparison} {factor}",
    "since({name}) / duration({duration}) * {factor} - 1 {comparison} {factor}",
    "since({name}) {comparison} duration({duration}) * total({name})",
    "since({name}) {comparison} duration({duration}) * count({name}, {window})",
    "idle() * 2 {comparison} duration({duration})",
    "age() / 3 {comparison} gap({name}) + duration({duration})",
    "since({name}) - gap({name}) {comparison} duration({duration})",
    "until(traits.{moment}) {comparison} duration({duration})",
    "until(traits.{moment}) > duration({duration}) - duration('1d')",
    "until(traits.{moment}) * {factor} {comparison} duration({duration})",
    "until(last({name}.deliver_by)) {comparison} duration({duration})",
    "until(first({name}.deliver_by)) {comparison} duration({duration})",
    "since({name}) + until(traits.{moment}) {comparison} duration({duration})",
    "duration({duration}) - until(traits.{moment}) {comparison} idle()",
    "anniversary(traits.{moment})",
    "anniversary(last({name}.deliver_by))",
    "!anniversary(first({name}.deliver_by)) && has(traits.{moment})",
    "days({name}, {days}) / total({name}) {comparison} {factor}",
    // Again, those that change most often.
    "count({name}, {calendar}) >= {integer}",
    "count({name}, {calendar}) == {integer}",
    "sum({name}.{number}, {calendar}) {comparison} {double}",
    "avg({name}.{number}, {calendar}) {comparison} {double}",
    "min({name}.{number}, {calendar}) {comparison} {double}",
    "max({name}.{number}, {calendar}) {comparison} {double}",
    "distinct({name}.{any}, {calendar}) >= {integer}",
    "count({name}, {calendar}) > count({name}, {calendar})",
    "days({name}, {days}) >= {integer}",
    "streak({name}) >= {integer}",
    "streak({name}) == {integer}",
    "followed({name}, {name}, {length}) >= {integer}",
    "until(traits.{moment}) < duration({duration})",
    "anniversary(traits.{moment})",
];

/// What is asked about consent.
pub(crate) const CONSENT_TEMPLATES: &[&str] = &[
    "consent({purpose})",
    "consent({purpose}) && total({name}) >= {integer}",
    "consent({purpose}) != consent({purpose})",
    "!consent({purpose})",
    "consent({purpose}) == false",
];

/// What is asked about points.
pub(crate) const POINTS_TEMPLATES: &[&str] = &[
    "balance({ledger}) {comparison} {points}",
    "earned({ledger}, {window}) {comparison} {points}",
    "spent({ledger}, {window}) {comparison} {points}",
    "expiring({ledger}, {duration}) {comparison} {points}",
    "balance({ledger}) - expiring({ledger}, {duration}) {comparison} {points}",
    "earned({ledger}, {window}) {comparison} spent({ledger}, {window})",
    "balance({ledger}) / total({name}) {comparison} {points}",
    // Again, those that change most often.
    "balance({ledger}) >= {points}",
    "earned({ledger}, {window}) >= {points}",
    "expiring({ledger}, {duration}) >= {points}",
    "spent({ledger}, {window}) >= {points}",
];

/// The same, with calendars.
pub(crate) const POINTS_CALENDAR_TEMPLATES: &[&str] = &[
    "earned({ledger}, {calendar}) {comparison} {points}",
    "spent({ledger}, {calendar}) {comparison} {points}",
    "earned({ledger}, {calendar}) >= {points}",
];

/// What is asked of ranks.
pub(crate) const RANK_TEMPLATES: &[&str] = &[
    "rank({rank}) <= {integer}",
    "quantile({rank}) >= 0.5",
    "!has(rank({rank}))",
    "ranked({rank}) {comparison} {integer}",
    "rank({rank}) {comparison} {integer}",
    "quantile({rank}) {comparison} 0.3 && idle() >= duration({duration})",
    "has(quantile({rank})) && rank({rank}) < ranked({rank})",
    "since({name}) < duration({duration}) * rank({rank})",
    "rank({rank}) - total({name}) {comparison} {integer}",
];

/// What is asked of models.
pub(crate) const MODEL_TEMPLATES: &[&str] = &[
    "p_alive({model}) {comparison} {probability}",
    "{probability} {comparison} p_alive({model})",
    "1 - p_alive({model}) {comparison} {probability}",
    "p_alive({model}) * 100 {comparison} 60.5",
    "p_alive({model}) / 3 {comparison} 0.2",
    "p_alive({model}) {comparison} total({name}) / 10",
    "p_alive({model}) - count({name}, {window}) {comparison} {probability}",
    "p_alive({model}) * total({name}) {comparison} {integer}",
    "p_alive({model}) * traits.age {comparison} 20",
    "-p_alive({model}) {comparison} -0.6",
    "p_alive({model}) < {probability} && since({name}) < duration({duration})",
    // Again, those that change most often.
    "p_alive({model}) < {probability}",
    "p_alive({model}) >= {probability}",
    "p_alive({model}) < {probability}",
    "p_alive({model}) >= {probability}",
];

/// What only the `if` of a campaign asks of models.
pub(crate) const PROSPECT_TEMPLATES: &[&str] = &[
    "expected({model}, {horizon}) {comparison} {purchases}",
    "clv({valued}, {horizon}) {comparison} {purchases}",
    "expected({model}, {horizon}) * last({name}.{number}) {comparison} {purchases}",
    "expected({model}, {horizon}) < {purchases}",
    "clv({valued}, {horizon}) >= {purchases}",
    "clv({valued}, {horizon}) / expected({valued}, {horizon}) {comparison} {purchases}",
    "p_alive({model}) * expected({model}, {horizon}) {comparison} {purchases}",
];

/// What actions bear of models.
pub(crate) const PAYLOAD_TEMPLATES: &[&str] = &[
    "expected({model}, {horizon})",
    "clv({valued}, {horizon})",
    "p_alive({model})",
    "clv({valued}, {horizon}) * 2 - expected({model}, {horizon})",
    "total({name}) / 3",
    "1 - p_alive({model})",
];

/// What only a segment of users says of keys.
pub(crate) const KEYS_IN_TEMPLATES: &[&str] = &[
    "keys_in({keyed}) {comparison} {integer}",
    "keys_in({keyed}) >= {integer}",
    "keys_in({keyed}) == keys_in({keyed})",
    "since({name}) {comparison} duration({duration}) * keys_in({keyed})",
    "keys_in({keyed}) >= 1",
    "keys_in({keyed}) == 0",
];

/// What only a segment with `per` says.
pub(crate) const KEY_TEMPLATES: &[&str] = &[
    "key() {comparison} {key}",
    "key() in [{key}, {key}]",
    "key().startsWith({key})",
    "key().contains('1')",
    "user.count({name}, {window}) {comparison} {integer}",
    "user.total({name}) {comparison} total({name})",
    "user.since({name}) {comparison} duration({duration})",
    "user.idle() {comparison} duration({duration})",
    "user.since({name}) < since({name})",
    "user.age() - age() {comparison} duration({duration})",
    "user.last({name}.{string}) == last({name}.{string})",
    "idle() {comparison} duration({duration})",
    "age() {comparison} duration({duration})",
    "total({name}) >= {integer}",
    "total({name}) == {integer}",
    "since({name}) >= duration({duration}) && total({name}) == 0",
    // Again, those that change most often.
    "idle() < duration({duration})",
    "idle() < duration({duration})",
    "idle() < duration({duration})",
    "idle() >= duration({duration})",
    "idle() >= duration({duration})",
    "count({name}, {window}) >= 1",
    "count({name}, {window}) == 1",
    "user.idle() < duration({duration})",
    "user.idle() >= duration({duration})",
];

/// The same, with calendars.
pub(crate) const KEY_CALENDAR_TEMPLATES: &[&str] = &[
    "user.first({name}.{number}) {comparison} {double}",
    "user.days({name}, {days}) {comparison} {integer}",
    "user.streak({name}) {comparison} streak({name})",
    "since({name}) {comparison} user.usual_gap({name}) * {factor}",
    "user.gap({name}) > gap({name})",
    "user.followed({name}, {name}, {length}) {comparison} {integer}",
];

/// What only the `if` of a campaign says.
pub(crate) const IF_TEMPLATES: &[&str] = &[
    "hour() >= 8 && hour() < 20",
    "hour() {comparison} {integer}",
    "weekday() {comparison} {integer}",
    "weekday() in [6, 7]",
    "weekday() * 24 + hour() {comparison} 100",
];

/// What only the `if` of a campaign on an event says.
pub(crate) const EVENT_TEMPLATES: &[&str] = &[
    "event.{number} {comparison} {double}",
    "event.{string} {comparison} {text}",
    "has(event.{any})",
    "event.big",
    "event.{string} in [{text}, {text}]",
    "until(event.deliver_by) {comparison} duration({duration})",
    "anniversary(event.deliver_by)",
    "event.{number} {comparison} last({name}.{number})",
    "event.quantity * event.price {comparison} {double}",
];

/// What a `where` of a name with `each` may look at besides.
pub(crate) const ITEM_TEMPLATES: &[&str] = &[
    "item.category {comparison} {text}",
    "item.price {comparison} {double}",
    "item.price * item.quantity {comparison} {double}",
    "has(item.{any})",
    "item.quantity >= {integer}",
    "item.price {comparison} properties.price",
    "item.category == traits.tier || has(item.{any})",
    "item.gift",
];

/// What a segment says of the rows of its keys.
pub(crate) const ROW_TEMPLATES: &[&str] = &[
    "row.price {comparison} {double}",
    "row.gift",
    "has(row.price)",
    "!has(row.category) && total({name}) >= 1",
    "row.category {comparison} {text}",
    "row.category in [{text}, {text}]",
    "row.price <= last({name}.price) * 0.9",
    "row.price {comparison} last({name}.{number})",
    "row.gift && since({name}) >= duration({duration})",
    "row.price + total({name}) {comparison} {double}",
    "row.category.startsWith({text})",
    "row.price < 50 && count({name}, {window}) >= 1",
];

/// What a campaign asks of any row.
pub(crate) const TABLE_TEMPLATES: &[&str] = &[
    "row('t0', {key}).price {comparison} {double}",
    "row('t0', {key}).gift",
    "has(row('t0', {key}).category)",
    "row('t0', last({name}.product_id)).price {comparison} last({name}.price)",
    "row('t0', total({name})).category != {text}",
];

/// What a campaign on an event asks besides.
pub(crate) const EVENT_TABLE_TEMPLATES: &[&str] =
    &["row('t0', event.product_id).price < event.price", "row('t0', event.category).category == event.category"];
