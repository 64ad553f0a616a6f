//! Definitions of features and caps that do not depend on the rest of the rules: the keys that state is stored by.
//!
//! They are part of the stored format: a definition in other words loses the state stored under the old one.

use std::fmt::Write as _;

use crate::decimal::Decimal;
use crate::event::{FieldId, Scalar};
use crate::rules::notation;
use crate::rules::ruleset::{
    Arithmetic, Budget, Cap, Comparison, Condition, Feature, FeatureSource, GroupId, LedgerId, MatchValueSource,
    NameId, PerId, PickList, Rank, RowTable, Ruleset, Term, TextTest,
};

/// `sum properties.total 604800000 of track "Order Completed"`: what is kept, and of which events. The event's name in
/// the rules does not matter, what it selects does.
pub(super) fn feature(rules: &Ruleset, feature: &Feature) -> String {
    let name = match feature.source {
        FeatureSource::Matches(name) => name,
        FeatureSource::Points(id) => {
            let kept = feature.kind.definition(&|id| field(rules, id), &rules.timezone_name);
            return format!("{kept} of ledger {}", ledger(rules, id));
        }
    };
    let kept = feature.kind.definition(&|id| value(rules, name, id), &rules.timezone_name);
    let second = feature.second.map(|name| format!(" then {}", event(rules, name))).unwrap_or_default();
    let per = feature.per.map(|id| format!(" per {}", per(rules, id))).unwrap_or_default();
    let group = feature.group.map(|id| format!(" in {}", group(rules, id))).unwrap_or_default();
    format!("{kept} of {}{second}{per}{group}", event(rules, name))
}

/// `cart_id`: what the instances are of. Under another `ttl` or `max` they are the same.
pub(super) fn per(rules: &Ruleset, id: PerId) -> String {
    quoted(&rules.pers[usize::from(id.0)].key)
}

/// `team "group_id"`: whose groups. Under another `ttl` they are the same.
pub(super) fn group(rules: &Ruleset, id: GroupId) -> String {
    let group = &rules.groups[usize::from(id.0)];
    format!("{} {}", group.id, quoted(&group.key))
}

/// `for_you "product_id" on "view" without "order" gap 1800000 with sessions`: what was touched for a list. With other sizes, or other kinds that
/// need the same, it is the same.
pub(super) fn pick_list(rules: &Ruleset, list: &PickList) -> String {
    let names = |names: &[NameId]| {
        names.iter().map(|name| quoted(&rules.names[usize::from(name.0)].id)).collect::<Vec<_>>().join(" ")
    };
    let (item, on, without) = (quoted(&list.item), names(&list.on), names(&list.without));
    let sessions = if list.has_sessions() { " with sessions" } else { "" };
    format!("{} {item} on {on} without {without} gap {}{sessions}", list.id, list.gap.0)
}

/// `spend (…) among "buyers" each day UTC`: what users were ordered by, which of them, and when.
pub(super) fn rank(rules: &Ruleset, rank: &Rank) -> String {
    let among = rank.among.map(|segment| format!(" among {}", quoted(&rules.segments[usize::from(segment.0)].id)));
    let (of, among) = (term(rules, &rank.of), among.unwrap_or_default());
    format!("{} {of}{among} each {} {}", rank.id, rank.every.as_ref(), rules.timezone_name)
}

fn ledger(rules: &Ruleset, id: LedgerId) -> String {
    quoted(&rules.ledgers[usize::from(id.0)].id)
}

/// `products "Product Updated" "product_id"`: which calls are rows. Whatever is kept of them, they are the same.
pub(super) fn table(table: &RowTable) -> String {
    format!("{} {} {}", table.id, quoted(&table.event), quoted(&table.key))
}

/// `86400000 "email"`: the length of time and the channel. The same actions count when `max` changes.
pub(super) fn budget(budget: &Budget) -> String {
    match budget.per {
        None => budget.id.clone(),
        Some(unit) => format!("{} per {}", budget.id, unit.name()),
    }
}

pub(super) fn cap(cap: &Cap) -> String {
    format!("{} {}", cap.per.0, cap.channel.as_deref().map_or_else(|| "any".to_owned(), quoted))
}

/// `address.city`; a part with more than letters, digits and `_` is quoted.
pub(super) fn path(parts: &[String]) -> String {
    let plain = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let shown: Vec<String> = parts.iter().map(|part| if plain(part) { part.clone() } else { quoted(part) }).collect();
    shown.join(".")
}

fn event(rules: &Ruleset, id: NameId) -> String {
    let name = &rules.names[usize::from(id.0)];
    if name.is_told() {
        return format!("notice {}", name.id);
    }
    let mut text = name.call.name().to_owned();
    let each = name.each.map(|array| format!("each {}", path(&rules.projection.arrays[usize::from(array.0)].path)));
    let filter = name.filter.as_ref().map(|filter| condition(rules, filter));
    for part in name.event.as_deref().map(quoted).into_iter().chain(each).chain(filter) {
        text.push(' ');
        text.push_str(&part);
    }
    text
}

fn condition(rules: &Ruleset, piece: &Condition) -> String {
    let of = |piece: &Term| term(rules, piece);
    match piece {
        Condition::Constant(value) => value.to_string(),
        Condition::Not(inner) => list("not", [condition(rules, inner)]),
        Condition::All(parts) => list("all", parts.iter().map(|part| condition(rules, part))),
        Condition::Any(parts) => list("any", parts.iter().map(|part| condition(rules, part))),
        Condition::Compare { op, left, right } => {
            let op = match op {
                Comparison::Equal => "eq",
                Comparison::NotEqual => "ne",
                Comparison::Less => "lt",
                Comparison::LessOrEqual => "le",
                Comparison::Greater => "gt",
                Comparison::GreaterOrEqual => "ge",
            };
            list(op, [of(left), of(right)])
        }
        Condition::InSegment(id) => list("in_segment", [quoted(&rules.segments[usize::from(id.0)].id)]),
        Condition::Anniversary(inner) => list("anniversary", [of(inner)]),
        Condition::Has(inner) => list("has", [of(inner)]),
        Condition::IsTrue(inner) => list("is_true", [of(inner)]),
        Condition::Text { test, subject, argument } => {
            let test = match test {
                TextTest::StartsWith => "starts",
                TextTest::EndsWith => "ends",
                TextTest::Contains => "contains",
            };
            list(test, [of(subject), of(argument)])
        }
        Condition::Matches { subject, pattern } => list("matches", [of(subject), quoted(pattern.as_str())]),
        Condition::In { item, list: items } => list("in", [of(item), of(items)]),
    }
}

fn term(rules: &Ruleset, piece: &Term) -> String {
    let feature_at = |index: u16| format!("{{{}}}", feature(rules, &rules.features[usize::from(index)]));
    match piece {
        Term::Constant(Scalar::Number(number)) if number.millionths() % 1_000_000 == 0 => number.to_string(),
        Term::Constant(value) => scalar(value),
        Term::List(items) => list("list", items.iter().map(scalar)),
        Term::Duration(span) => format!("{}ms", span.0),
        Term::Feature(id) => feature_at(id.0),
        Term::Average { sum, count } => list("avg", [feature_at(sum.0), feature_at(count.0)]),
        Term::Since(id) => list("since", [feature_at(id.0)]),
        Term::Idle => "idle".to_owned(),
        Term::Age => "age".to_owned(),
        Term::Until(inner) => list("until", [term(rules, inner)]),
        Term::LocalHour => "hour".to_owned(),
        Term::LocalWeekday => "weekday".to_owned(),
        Term::Model(question) => notation::model_question(rules, *question),
        Term::Moving(moving) => moving.steps.iter().fold(term(rules, &moving.function), |inner, step| {
            let operand = term(rules, &step.operand);
            let sides = if step.is_operand_left { [operand, inner] } else { [inner, operand] };
            list(arithmetic(step.op), sides)
        }),
        Term::InstanceIdle => "idle".to_owned(),
        Term::InstanceAge => "age".to_owned(),
        Term::Key => "key".to_owned(),
        Term::Row { table, column, key } => {
            let table = &rules.tables[usize::from(table.0)];
            let column = &table.columns[usize::from(column.0)].name;
            list("row", [quoted(&table.id), term(rules, key), quoted(column)])
        }
        Term::CouponCode => "code".to_owned(),
        Term::KeysIn(id) => list("keys_in", [quoted(&rules.segments[usize::from(id.0)].id)]),
        Term::Balance(id) => list("balance", [ledger(rules, *id)]),
        Term::Expiring { ledger: id, within } => list("expiring", [ledger(rules, *id), format!("{}ms", within.0)]),
        Term::Consent(id) => list("consent", [quoted(&rules.purposes[usize::from(id.0)].name)]),
        Term::Ranked { rank, figure } => list(figure.as_ref(), [quoted(&rules.ranks[usize::from(rank.0)].id)]),
        Term::Trait(id) => format!("traits.{}", path(&rules.projection.traits[usize::from(id.0)])),
        Term::Field(id) => field(rules, *id),
        Term::Item { array, field } => format!("item.{}", path(notation::item_path(rules, *array, *field))),
        Term::Arithmetic { op, left, right } => list(arithmetic(*op), [term(rules, left), term(rules, right)]),
        Term::Negate(inner) => list("neg", [term(rules, inner)]),
        Term::Number(inner) => list("number", [term(rules, inner)]),
        Term::Part { total, parts, part } => list("part", [total, parts, part].map(|piece| term(rules, piece))),
        Term::Condition(inner) => condition(rules, inner),
    }
}

fn arithmetic(op: Arithmetic) -> &'static str {
    match op {
        Arithmetic::Add => "add",
        Arithmetic::Subtract => "sub",
        Arithmetic::Multiply => "mul",
        Arithmetic::Divide => "div",
    }
}

fn scalar(value: &Scalar<'_>) -> String {
    match value {
        Scalar::Bool(value) => value.to_string(),
        Scalar::Number(number) => self::number(*number),
        Scalar::Text(text) => quoted(text),
        Scalar::Json(json) => quoted(json),
    }
}

/// As the first format has it, by the bits of the nearest double, where that is the number itself; else by its digits.
fn number(number: Decimal) -> String {
    let digits = number.to_string();
    match digits.parse::<f64>() {
        Ok(double) if Decimal::parse(&double.to_string()) == Some(number) => format!("#{:016x}", double.to_bits()),
        _ => format!("={digits}"),
    }
}

/// What a match has in a field: what it is computed of, since the name in the rules does not matter.
fn value(rules: &Ruleset, name: NameId, id: FieldId) -> String {
    let name = &rules.names[usize::from(name.0)];
    match name.values.iter().find(|value| value.field == id).map(|value| value.source) {
        // It is the value of this name, however it is worked out: that may be of the name itself.
        Some(MatchValueSource::Let(index)) if name.is_told() => {
            list("told", [quoted(&name.lets[usize::from(index)].name)])
        }
        Some(MatchValueSource::Let(index)) => list("let", [term(rules, &name.lets[usize::from(index)].term)]),
        Some(MatchValueSource::Property { item, property }) => {
            let item = name.each.zip(item).map(|(array, item)| path(notation::item_path(rules, array, item)));
            let item = item.map_or_else(String::new, |item| format!("item.{item}|"));
            format!("{item}{}", field(rules, property))
        }
        None => field(rules, id),
    }
}

fn field(rules: &Ruleset, id: FieldId) -> String {
    path(&rules.projection.fields[usize::from(id.0)])
}

fn list(head: &str, parts: impl IntoIterator<Item = String>) -> String {
    let inner: String = parts.into_iter().fold(String::new(), |mut text, part| {
        text.push(' ');
        text.push_str(&part);
        text
    });
    format!("({head}{inner})")
}

/// In quotes, so that no text can be taken for something else.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_ascii_control() => {
                write!(out, "\\x{:02x}", c as u32).expect("writing to a string cannot fail");
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
