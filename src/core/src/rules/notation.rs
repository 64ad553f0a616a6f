//! Features and terms of a compiled ruleset as the rules write them.

use super::ruleset::{
    Arithmetic, Comparison, Condition, FeatureId, FeatureSource, LedgerId, ModelQuestion, ModelScore, MovingTerm,
    NameId, RankFigure, RankId, Ruleset, Term, TextTest,
};
use crate::event::{ArrayId, FieldId, ItemFieldId, Scalar, TraitId};

/// `sum(order.total, 7d)`
pub(crate) fn feature(rules: &Ruleset, id: FeatureId) -> String {
    let feature = &rules.features[usize::from(id.0)];
    let of_name = |name: NameId| rules.names[usize::from(name.0)].id.clone();
    let source = match feature.source {
        FeatureSource::Matches(name) => of_name(name),
        FeatureSource::Points(id) => ledger(rules, id),
    };
    let sources: Vec<String> = std::iter::once(source).chain(feature.second.map(of_name)).collect();
    feature.kind.notation(&sources.join(", "), &|field| rules.projection.fields[usize::from(field.0)][1..].join("."))
}

/// A condition as the rules write it.
pub(crate) fn condition(rules: &Ruleset, piece: &Condition) -> String {
    let joined = |parts: &[Condition], by: &str| {
        let part = |part: &Condition| match part {
            Condition::All(_) | Condition::Any(_) => format!("({})", condition(rules, part)),
            part => condition(rules, part),
        };
        parts.iter().map(part).collect::<Vec<_>>().join(by)
    };
    match piece {
        Condition::Constant(value) => value.to_string(),
        Condition::Not(inner) => match &**inner {
            Condition::All(_) | Condition::Any(_) | Condition::Compare { .. } | Condition::In { .. } => {
                format!("!({})", condition(rules, inner))
            }
            inner => format!("!{}", condition(rules, inner)),
        },
        Condition::All(parts) => joined(parts, " && "),
        Condition::Any(parts) => joined(parts, " || "),
        Condition::Compare { op, left, right } => {
            format!("{} {} {}", term(rules, left), comparison(*op), term(rules, right))
        }
        Condition::InSegment(id) => format!("in_segment('{}')", rules.segments[usize::from(id.0)].id),
        Condition::Anniversary(date) => format!("anniversary({})", term(rules, date)),
        Condition::Has(subject) => format!("has({})", term(rules, subject)),
        Condition::IsTrue(subject) => term(rules, subject),
        Condition::Text { test, subject, argument } => {
            let test = match test {
                TextTest::StartsWith => "startsWith",
                TextTest::EndsWith => "endsWith",
                TextTest::Contains => "contains",
            };
            format!("{}.{test}({})", term(rules, subject), term(rules, argument))
        }
        Condition::Matches { subject, pattern } => format!("{}.matches('{pattern}')", term(rules, subject)),
        Condition::In { item, list } => format!("{} in {}", term(rules, item), term(rules, list)),
    }
}

/// A term as the rules write it.
pub(crate) fn term(rules: &Ruleset, piece: &Term) -> String {
    match piece {
        Term::Constant(scalar) => self::scalar(scalar),
        Term::List(items) => format!("[{}]", items.iter().map(scalar).collect::<Vec<_>>().join(", ")),
        Term::Duration(span) => span.to_string(),
        Term::Feature(id) | Term::Since(id) => feature(rules, *id),
        Term::Average { sum, .. } => feature(rules, *sum).replacen("sum", "avg", 1),
        Term::Idle => "idle()".to_owned(),
        Term::Age => "age()".to_owned(),
        Term::Until(text) => format!("until({})", term(rules, text)),
        Term::LocalHour => "hour()".to_owned(),
        Term::LocalWeekday => "weekday()".to_owned(),
        Term::Model(question) => model_question(rules, *question),
        Term::Moving(moving) => self::moving(rules, moving),
        Term::InstanceIdle => "idle()".to_owned(),
        Term::InstanceAge => "age()".to_owned(),
        Term::Key => "key()".to_owned(),
        Term::Row { table, column, key } => {
            let table = &rules.tables[usize::from(table.0)];
            let column = &table.columns[usize::from(column.0)].name;
            match &**key {
                Term::Key => format!("row.{column}"),
                key => format!("row('{}', {}).{column}", table.id, term(rules, key)),
            }
        }
        Term::CouponCode => "code()".to_owned(),
        Term::KeysIn(id) => format!("keys_in('{}')", rules.segments[usize::from(id.0)].id),
        Term::Balance(id) => format!("balance({})", ledger(rules, *id)),
        Term::Expiring { ledger, within } => format!("expiring({}, {within})", self::ledger(rules, *ledger)),
        Term::Consent(id) => format!("consent('{}')", rules.purposes[usize::from(id.0)].name),
        Term::Ranked { rank, figure } => ranked(rules, *rank, *figure),
        Term::Trait(id) => user_trait(rules, *id),
        Term::Field(id) => field(rules, *id),
        Term::Item { array, field } => format!("item.{}", item_path(rules, *array, *field).join(".")),
        Term::Arithmetic { op, left, right } => {
            format!("({} {} {})", term(rules, left), arithmetic(*op), term(rules, right))
        }
        Term::Negate(inner) => format!("-{}", term(rules, inner)),
        Term::Number(inner) => format!("number({})", term(rules, inner)),
        Term::Part { total, parts, part } => {
            let [total, parts, part] = [total, parts, part].map(|piece| term(rules, piece));
            format!("part({total}, {parts}, {part})")
        }
        Term::Condition(inner) => format!("({})", condition(rules, inner)),
    }
}

/// `p_alive('buying')`
pub(crate) fn model_question(rules: &Ruleset, question: ModelQuestion) -> String {
    let id = &rules.models[usize::from(question.model.0)].id;
    match question.score {
        ModelScore::PAlive => format!("p_alive('{id}')"),
        ModelScore::Expected(within) => format!("expected('{id}', '{within}')"),
        ModelScore::Value(within) => format!("clv('{id}', '{within}')"),
    }
}

/// `quantile('spend')`
pub(crate) fn ranked(rules: &Ruleset, rank: RankId, figure: RankFigure) -> String {
    format!("{}('{}')", figure.as_ref(), rules.ranks[usize::from(rank.0)].id)
}

fn ledger(rules: &Ruleset, id: LedgerId) -> String {
    format!("'{}'", rules.ledgers[usize::from(id.0)].id)
}

fn moving(rules: &Ruleset, moving: &MovingTerm) -> String {
    moving.steps.iter().fold(term(rules, &moving.function), |inner, step| {
        let (op, operand) = (arithmetic(step.op), term(rules, &step.operand));
        if step.is_operand_left { format!("({operand} {op} {inner})") } else { format!("({inner} {op} {operand})") }
    })
}

fn arithmetic(op: Arithmetic) -> char {
    match op {
        Arithmetic::Add => '+',
        Arithmetic::Subtract => '-',
        Arithmetic::Multiply => '*',
        Arithmetic::Divide => '/',
    }
}

/// `traits.tier`
pub fn user_trait(rules: &Ruleset, id: TraitId) -> String {
    format!("traits.{}", rules.projection.traits[usize::from(id.0)].join("."))
}

/// `properties.price`
pub fn field(rules: &Ruleset, id: FieldId) -> String {
    rules.projection.fields[usize::from(id.0)].join(".")
}

/// The path of a value in an element of an array.
pub(crate) fn item_path(rules: &Ruleset, array: ArrayId, field: ItemFieldId) -> &[String] {
    &rules.projection.arrays[usize::from(array.0)].fields[usize::from(field.0)]
}

/// `>=`
pub(super) fn comparison(op: Comparison) -> &'static str {
    match op {
        Comparison::Equal => "==",
        Comparison::NotEqual => "!=",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
    }
}

fn scalar(value: &Scalar<'_>) -> String {
    match value {
        Scalar::Bool(truth) => truth.to_string(),
        Scalar::Number(number) => number.to_string(),
        Scalar::Text(text) => format!("'{text}'"),
        Scalar::Json(json) => json.to_string(),
    }
}
