//! Random conditions: trees of templates whose blanks are filled from pools.

use proptest::prelude::*;

use super::LanguageParts;
use super::models::ModelName;
use super::picks::Picks;
use super::pools;
use super::templates;

/// A condition.
#[derive(Clone, Debug)]
pub(crate) enum GeneratedCondition {
    /// The choices of a template and of what fills its blanks.
    Leaf(Vec<u8>),
    Not(Box<GeneratedCondition>),
    And(Box<GeneratedCondition>, Box<GeneratedCondition>),
    Or(Box<GeneratedCondition>, Box<GeneratedCondition>),
}

/// Where a condition stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConditionPlace {
    /// The `where` of a name.
    Filter {
        each: bool,
    },
    Segment,
    /// The `if` of a campaign.
    Campaign {
        on_event: bool,
    },
}

/// A segment that conditions may speak of.
#[derive(Clone, Debug)]
pub(crate) struct SegmentName {
    pub(crate) id: String,
    /// Index of its entry of `[per]`.
    pub(crate) per: Option<usize>,
}

/// What a condition may speak of; see [`choose`] for the gaps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vocabulary<'v> {
    pub(crate) parts: LanguageParts,
    pub(crate) place: ConditionPlace,
    pub(crate) names: &'v [Option<String>],
    pub(crate) segments: &'v [Option<SegmentName>],
    pub(crate) ledgers: &'v [Option<String>],
    pub(crate) models: &'v [ModelName],
    /// How many tables there are.
    pub(crate) tables: usize,
    pub(crate) ranks: &'v [String],
    /// The entry of `[per]` whose instances are asked; `None`: the user is.
    pub(crate) per: Option<usize>,
    /// These instances have rows.
    pub(crate) has_row: bool,
}

/// Any condition.
pub(crate) fn condition() -> impl Strategy<Value = GeneratedCondition> {
    let leaf = prop::collection::vec(any::<u8>(), 9).prop_map(GeneratedCondition::Leaf);
    leaf.prop_recursive(3, 5, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone())
                .prop_map(|(left, right)| GeneratedCondition::And(Box::new(left), Box::new(right))),
            (inner.clone(), inner.clone())
                .prop_map(|(left, right)| GeneratedCondition::Or(Box::new(left), Box::new(right))),
            inner.prop_map(|inner| GeneratedCondition::Not(Box::new(inner))),
        ]
    })
}

impl GeneratedCondition {
    /// The text, where it may speak of this.
    pub(crate) fn to_cel(&self, vocabulary: &Vocabulary<'_>) -> String {
        let side = |condition: &GeneratedCondition| match condition {
            GeneratedCondition::Leaf(_) => condition.to_cel(vocabulary),
            _ => format!("({})", condition.to_cel(vocabulary)),
        };
        match self {
            GeneratedCondition::Leaf(choices) => vocabulary.fill(choices),
            GeneratedCondition::Not(inner) => format!("!({})", inner.to_cel(vocabulary)),
            GeneratedCondition::And(left, right) => format!("{} && {}", side(left), side(right)),
            GeneratedCondition::Or(left, right) => format!("{} || {}", side(left), side(right)),
        }
    }
}

/// Picks an id; one that is left out is replaced by the first that is not.
///
/// Shrinking leaves ids out without moving the others, so that what refers to those stays as it is.
pub(crate) fn choose<'i>(ids: &'i [Option<String>], picks: &mut Picks<'_>) -> &'i str {
    let chosen = ids[picks.index(ids.len())].as_ref();
    chosen.or_else(|| ids.iter().flatten().next()).expect("at least one id is kept")
}

impl Vocabulary<'_> {
    /// The plainest come first.
    fn templates(&self) -> Vec<&'static str> {
        let mut lists: Vec<&[&str]> = Vec::new();
        let LanguageParts { calendar, keys, .. } = self.parts;
        match self.place {
            ConditionPlace::Filter { each } => {
                lists.push(templates::FILTER_TEMPLATES);
                lists.extend(each.then_some(templates::ITEM_TEMPLATES));
            }
            ConditionPlace::Segment | ConditionPlace::Campaign { .. } => {
                lists.push(templates::SEGMENT_TEMPLATES);
                lists.extend(calendar.then_some(templates::CALENDAR_TEMPLATES));
                if !self.ledgers.is_empty() {
                    lists.extend([templates::POINTS_TEMPLATES; 2]);
                    lists.extend(calendar.then_some(templates::POINTS_CALENDAR_TEMPLATES));
                }
                if !self.models.is_empty() {
                    lists.extend([templates::MODEL_TEMPLATES; 3]);
                }
                if !self.ranks.is_empty() {
                    lists.extend([templates::RANK_TEMPLATES; 4]);
                }
                if self.per.is_some() {
                    lists.extend(self.has_row.then_some([templates::ROW_TEMPLATES; 4]).into_iter().flatten());
                    lists.push(templates::KEY_TEMPLATES);
                    lists.extend(calendar.then_some(templates::KEY_CALENDAR_TEMPLATES));
                } else {
                    lists.extend(keys.then_some(templates::KEYS_IN_TEMPLATES));
                }
            }
        }
        if let ConditionPlace::Campaign { on_event } = self.place {
            // These stand between many others.
            lists.extend(calendar.then_some([templates::IF_TEMPLATES; 8]).into_iter().flatten());
            if !self.models.is_empty() {
                lists.extend([templates::PROSPECT_TEMPLATES; 5]);
            }
            if self.tables > 0 {
                lists.extend([templates::TABLE_TEMPLATES; 6]);
                lists.extend(on_event.then_some([templates::EVENT_TABLE_TEMPLATES; 8]).into_iter().flatten());
            }
            lists.extend(on_event.then_some([templates::EVENT_TEMPLATES; 8]).into_iter().flatten());
        }
        lists.concat()
    }

    fn fill(&self, choices: &[u8]) -> String {
        let mut picks = Picks::new(choices);
        let is_of_event = matches!(self.place, ConditionPlace::Filter { .. });
        // Here and there, by a choice that seldom fills a blank.
        let asks_consent = choices.last().is_some_and(|choice| choice % 24 == 23) && !is_of_event;
        let template = match asks_consent {
            true => picks.pick(templates::CONSENT_TEMPLATES),
            false => picks.pick(&self.templates()),
        };
        let needs = |blank: &str, ids: Vec<Option<String>>| template.contains(blank) && ids.iter().all(Option::is_none);
        if needs("{segment}", self.askable_segments())
            || needs("{keyed}", self.keyed_segments())
            || needs("{valued}", self.valued_models())
        {
            return "true".to_owned();
        }
        self.filled(template, &mut picks)
    }

    /// What the fields of an action may ask of models.
    pub(crate) fn payload_templates(&self) -> Vec<&'static str> {
        let is_there = |template: &&str| {
            !self.models.is_empty()
                && (!template.contains("{valued}") || self.models.iter().any(|model| model.has_value))
        };
        templates::PAYLOAD_TEMPLATES.iter().copied().filter(is_there).collect()
    }

    /// A template with its blanks filled.
    pub(crate) fn filled(&self, template: &str, picks: &mut Picks<'_>) -> String {
        let mut text = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let (blank, after) = after.split_once('}').expect("blanks are closed");
            text.push_str(before);
            text.push_str(&self.blank_text(blank, picks));
            rest = after;
        }
        text + rest
    }

    fn blank_text(&self, blank: &str, picks: &mut Picks<'_>) -> String {
        let pool = match blank {
            "name" => return choose(self.names, picks).to_owned(),
            "segment" => return format!("'{}'", choose(&self.askable_segments(), picks)),
            "keyed" => return format!("'{}'", choose(&self.keyed_segments(), picks)),
            "window" | "length" => return format!("'{}'", picks.pick(pools::WINDOWS).0),
            "horizon" => return format!("'{}'", picks.pick(pools::HORIZONS)),
            "calendar" => return format!("'{}'", picks.pick(pools::CALENDAR_WINDOWS)),
            "duration" => return format!("'{}'", picks.pick(pools::DURATIONS).0),
            "comparison" => pools::COMPARISONS,
            "ledger" => return format!("'{}'", choose(self.ledgers, picks)),
            "points" => pools::POINTS,
            "rank" => return format!("'{}'", self.ranks[picks.index(self.ranks.len())]),
            "model" => return format!("'{}'", self.models[picks.index(self.models.len())].id),
            "valued" => return format!("'{}'", choose(&self.valued_models(), picks)),
            "probability" => pools::PROBABILITIES,
            "purchases" => pools::PURCHASES,
            "purpose" => pools::PURPOSES,
            "integer" => pools::INTEGERS,
            "double" => pools::DOUBLES,
            "number" => pools::NUMBER_PROPERTIES,
            "string" => pools::STRING_PROPERTIES,
            "any" => pools::ANY_PROPERTIES,
            "text" => pools::TEXTS,
            "pattern" => pools::PATTERNS,
            "trait" => pools::TRAITS,
            "days" => pools::DAYS,
            "factor" => pools::FACTORS,
            "key" => pools::KEYS,
            "moment" => pools::MOMENT_TRAITS,
            other => unreachable!("no pool fills `{other}`"),
        };
        picks.pick(pool).to_owned()
    }

    /// What `in_segment` may ask: of an instance, segments of its own key and of users; of a user, those of users.
    fn askable_segments(&self) -> Vec<Option<String>> {
        self.ids(|segment| segment.per.is_none() || segment.per == self.per)
    }

    fn keyed_segments(&self) -> Vec<Option<String>> {
        self.ids(|segment| segment.per.is_some())
    }

    fn valued_models(&self) -> Vec<Option<String>> {
        self.models.iter().map(|model| model.has_value.then(|| model.id.clone())).collect()
    }

    fn ids(&self, is_kept: impl Fn(&SegmentName) -> bool) -> Vec<Option<String>> {
        let id = |segment: &SegmentName| is_kept(segment).then(|| segment.id.clone());
        self.segments.iter().map(|segment| segment.as_ref().and_then(id)).collect()
    }
}
