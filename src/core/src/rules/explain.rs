//! A compiled ruleset as text for people: its features and who reads them, what is decoded, what changes each segment.
//!
//! The bytes are upper bounds, not measurements: a user who did little takes far less, since panes that hold nothing are
//! not kept. How large a user without features is, the caller passes in.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::ruleset::{
    Campaign, CampaignTrigger, Comparison, Condition, Feature, FeatureId, GroupId, NoticeAddressees, PerId, RankId,
    Ruleset, Segment, SegmentId, Term,
};
use super::{dependencies, notation};

/// What is there of each subject whatever the rules, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct SubjectSizes {
    /// Of a user, beside its id.
    pub user_bytes: usize,
    /// Of an instance of a key, beside the key.
    pub key_bytes: usize,
}

/// Explains a ruleset: features and who shares them, bytes per user, what the decoder reads, what changes each segment.
/// The sizes are those of a user, and of an instance of a key, without features.
pub fn explain(rules: &Ruleset, sizes: SubjectSizes) -> String {
    let mut out = String::new();
    features(rules, sizes, &mut out);
    decoded(rules, &mut out);
    ranks(rules, &mut out);
    segments(rules, &mut out);
    campaigns(rules, &mut out);
    out
}

fn features(rules: &Ruleset, SubjectSizes { user_bytes, key_bytes }: SubjectSizes, out: &mut String) {
    let of_user = rules.features_of(None, None).collect::<Vec<_>>();
    let count = of_user.len();
    line(
        out,
        format_args!(
            "a user: {user_bytes} bytes and the id, and at most {} bytes for {count} features",
            bytes(&of_user)
        ),
    );
    list_features(rules, &of_user, out);
    for (per, id) in rules.pers.iter().zip((0..).map(PerId)) {
        let of_key = rules.features_of(Some(id), None).collect::<Vec<_>>();
        line(
            out,
            format_args!(
                "a key of [per.{}], at most {} of a user: {key_bytes} bytes and the key, and at most {} bytes for {} features",
                per.id,
                per.max,
                bytes(&of_key),
                of_key.len()
            ),
        );
        list_features(rules, &of_key, out);
    }
    for (group, id) in rules.groups.iter().zip((0..).map(GroupId)) {
        let of_group = rules.features_of(None, Some(id)).collect::<Vec<_>>();
        line(
            out,
            format_args!(
                "a group of [groups.{}], for {} after its latest match: the key, and at most {} bytes for {} features",
                group.id,
                group.ttl,
                bytes(&of_group),
                of_group.len()
            ),
        );
        list_features(rules, &of_group, out);
    }
    out.push('\n');
}

fn bytes(features: &[(FeatureId, &Feature)]) -> usize {
    features.iter().map(|(_, feature)| feature.kind.bytes_max()).sum()
}

fn list_features(rules: &Ruleset, features: &[(FeatureId, &Feature)], out: &mut String) {
    let users = users_of_features(rules);
    for (id, feature) in features {
        let (name, used_by) = (notation::feature(rules, *id), users[usize::from(id.0)].join(", "));
        line(out, format_args!("  {name}: at most {} bytes; for {used_by}", feature.kind.bytes_max()));
    }
}

/// The readers of each feature: `segment active`, `campaign reminder`.
pub(crate) fn users_of_features(rules: &Ruleset) -> Vec<Vec<String>> {
    let mut users: Vec<Vec<String>> = vec![Vec::new(); rules.features.len()];
    let mut note = |features: BTreeSet<FeatureId>, user: String| {
        for FeatureId(id) in features {
            users[usize::from(id)].push(user.clone());
        }
    };
    for segment in &rules.segments {
        note(features_in(&segment.when), format!("segment {}", segment.id));
    }
    for rank in &rules.ranks {
        note(features_in_term(&rank.of), format!("rank {}", rank.id));
    }
    for name in rules.names.iter().filter(|name| name.is_told()) {
        let mut all = name.filter.as_ref().map(features_in).unwrap_or_default();
        let to = match name.notice.as_ref().map(|notice| &notice.to) {
            Some(NoticeAddressees::Members(feature)) => {
                all.insert(*feature);
                None
            }
            Some(NoticeAddressees::User(term)) => Some(term),
            None => None,
        };
        for term in name.lets.iter().map(|value| &value.term).chain(to) {
            all.extend(features_in_term(term));
        }
        note(all, format!("event {}", name.id));
    }
    for model in &rules.models {
        note(BTreeSet::from([model.feature]), format!("model {}", model.id));
    }
    for campaign in &rules.campaigns {
        let mut all = campaign.condition.as_ref().map(features_in).unwrap_or_default();
        for term in campaign.terms() {
            all.extend(features_in_term(term));
        }
        note(all, format!("campaign {}", campaign.id));
    }
    users
}

fn features_in_term(term: &Term) -> BTreeSet<FeatureId> {
    let mut found = BTreeSet::new();
    dependencies::each_in_term(term, &mut |inner| dependencies::features_of(inner, &mut |id| found.extend([id])));
    found
}

fn features_in(condition: &Condition) -> BTreeSet<FeatureId> {
    let mut found = BTreeSet::new();
    dependencies::each_term(condition, &mut |term| dependencies::features_of(term, &mut |id| found.extend([id])));
    found
}

fn decoded(rules: &Ruleset, out: &mut String) {
    let is_of_event = |path: &&Vec<String>| matches!(path[0].as_str(), "properties" | "context");
    let fields = rules.projection.fields.iter().filter(is_of_event).map(|path| path.join("."));
    let items = rules.projection.arrays.iter().flat_map(|array| {
        array.fields.iter().map(|path| format!("properties.{}[].{}", array.path.join("."), path.join(".")))
    });
    let traits = rules.projection.traits.iter().map(|path| format!("traits.{}", path.join(".")));
    let all: Vec<String> = fields.chain(items).chain(traits).collect();
    line(out, format_args!("read from events: {}", if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }));
    out.push('\n');
}

fn ranks(rules: &Ruleset, out: &mut String) {
    for (id, rank) in (0..).map(RankId).zip(&rules.ranks) {
        let among = rank.among.map_or("all users", |segment| segment_id(rules, segment));
        let (of, every) = (notation::term(rules, &rank.of), rank.every.as_ref());
        line(out, format_args!("rank {}: {among} by {of}, each {every}", rank.id));
        let told = rules.names.iter().filter(|name| name.rank == Some(id)).map(|name| name.id.as_str());
        let told: Vec<&str> = told.collect();
        if !told.is_empty() {
            line(out, format_args!("  tells: {}", told.join(", ")));
        }
    }
}

fn segments(rules: &Ruleset, out: &mut String) {
    for segment in &rules.segments {
        let of_keys = segment.per.map(|per| format!(", of the keys of [per.{}]", rules.pers[usize::from(per.0)].id));
        let of_groups =
            segment.group.map(|id| format!(", of the groups of [groups.{}]", rules.groups[usize::from(id.0)].id));
        let of = of_keys.or(of_groups);
        line(out, format_args!("segment {}{}", segment.id, of.unwrap_or_default()));
        line(out, format_args!("  changes with: {}", changes_with(rules, segment)));
        for when in by_time(rules, &segment.when) {
            line(out, format_args!("  by time: {when}"));
        }
        let is_of = |campaign: &&Campaign| match campaign.on {
            CampaignTrigger::Transition { segment: on, .. } => segment_id(rules, on) == segment.id,
            CampaignTrigger::Match(_) => false,
        };
        let fired = rules.campaigns.iter().filter(is_of);
        let fired: Vec<&str> = fired.map(|campaign| campaign.id.as_str()).collect();
        if !fired.is_empty() {
            line(out, format_args!("  triggers: {}", fired.join(", ")));
        }
        let told = rules
            .names
            .iter()
            .filter(|name| name.notice.as_ref().is_some_and(|notice| segment_id(rules, notice.segment) == segment.id));
        let told: Vec<&str> = told.map(|name| name.id.as_str()).collect();
        if !told.is_empty() {
            line(out, format_args!("  tells: {}", told.join(", ")));
        }
    }
}

fn changes_with(rules: &Ruleset, segment: &Segment) -> String {
    let reads = &segment.reads;
    let mut parts = Vec::new();
    if segment.per.is_some() || segment.group.is_some() {
        parts.push("a match of its key".to_owned());
    }
    if reads.any_event {
        parts.push("any event".to_owned());
    }
    parts.extend(reads.names.iter().map(|name| format!("event {}", rules.names[usize::from(name.0)].id)));
    parts.extend(reads.ledgers.iter().map(|id| format!("ledger {}", rules.ledgers[usize::from(id.0)].id)));
    parts.extend(reads.ranks.iter().map(|id| format!("rank {}", rules.ranks[usize::from(id.0)].id)));
    parts.extend(reads.traits.iter().map(|id| notation::user_trait(rules, *id)));
    parts.extend(reads.segments.iter().map(|segment| format!("segment {}", segment_id(rules, *segment))));
    if parts.is_empty() { "nothing but time".to_owned() } else { parts.join(", ") }
}

fn segment_id(rules: &Ruleset, id: SegmentId) -> &str {
    &rules.segments[usize::from(id.0)].id
}

/// The ways in which time alone can change a condition.
fn by_time(rules: &Ruleset, condition: &Condition) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    dependencies::each_comparison(condition, &mut |op, left, right| {
        if dependencies::crosses(left, right) {
            found.insert(crossing(rules, op, left, right));
        }
    });
    dependencies::anniversaries(condition, &mut |date| {
        let date = notation::term(rules, date);
        found.insert(format!("the day of anniversary({date}) begins or ends"));
    });
    dependencies::each_term(condition, &mut |term| {
        if matches!(term, Term::Expiring { .. }) {
            found.insert(format!("points come within the reach of {}", notation::term(rules, term)));
        }
        dependencies::features_of(term, &mut |id| {
            let kind = &rules.features[usize::from(id.0)].kind;
            found.extend(kind.change_by_time(&notation::feature(rules, id)));
        });
    });
    found
}

/// `since(cart) reaches 30m`
fn crossing(rules: &Ruleset, op: Comparison, left: &Term, right: &Term) -> String {
    let (mover, mover_op, limit) = match (left, right) {
        (Term::Moving(_), _) | (_, Term::Moving(_)) => return may_turn(rules, op, left, right),
        (mover, Term::Duration(_)) => (mover, op, right),
        (Term::Duration(_), mover) => (mover, op.mirrored(), left),
        _ => return may_turn(rules, op, left, right),
    };
    let is_rising = dependencies::slope(mover) > 0;
    let reaches = match mover_op {
        Comparison::GreaterOrEqual | Comparison::Less => is_rising,
        Comparison::LessOrEqual | Comparison::Greater => !is_rising,
        Comparison::Equal | Comparison::NotEqual => return may_turn(rules, op, left, right),
    };
    let (mover, limit) = (notation::term(rules, mover), notation::term(rules, limit));
    if reaches { format!("{mover} reaches {limit}") } else { format!("{mover} passes {limit} by a millisecond") }
}

fn may_turn(rules: &Ruleset, op: Comparison, left: &Term, right: &Term) -> String {
    format!("{} {} {} may turn", notation::term(rules, left), notation::comparison(op), notation::term(rules, right))
}

fn campaigns(rules: &Ruleset, out: &mut String) {
    if rules.campaigns.is_empty() {
        return;
    }
    out.push_str("\ncampaigns, in the order they are decided\n");
    let mut order: Vec<_> = rules.campaigns.iter().collect();
    order.sort_by_key(|campaign| std::cmp::Reverse(campaign.priority));
    for campaign in order {
        let on = rules.trigger_name(campaign.on);
        line(out, format_args!("  {} (priority {}): on {on}, by {}", campaign.id, campaign.priority, campaign.channel));
        if !campaign.reads.is_empty() {
            let fields = campaign.reads.iter().map(|id| rules.projection.fields[usize::from(id.0)][1..].join("."));
            line(out, format_args!("    reads event.{}", fields.collect::<Vec<_>>().join(", event.")));
        }
        if !campaign.goals.is_empty() {
            let goals = campaign.goals.iter().map(|id| rules.goals[usize::from(id.0)].id.as_str());
            line(out, format_args!("    measured by {}", goals.collect::<Vec<_>>().join(", ")));
        }
        if let Some(chance) = campaign.chance {
            line(out, format_args!("    draws: {chance} win"));
        }
        for spend in &campaign.spends {
            let (budget, cost) = (&rules.budgets[usize::from(spend.budget.0)].id, notation::term(rules, &spend.cost));
            line(out, format_args!("    spends {cost} of budget {budget}, decided at the end of the second"));
        }
        if let Some(settle) = &campaign.settle {
            let on = &rules.names[usize::from(settle.on.0)].id;
            line(out, format_args!("    reserves its costs for {}, or until {on} settles them", settle.within));
        }
    }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{text}");
}
