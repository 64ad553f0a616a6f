//! What two rule sets have in common: every segment, campaign, budget, ledger and goal by one number for both.

use rekindle_core::rules::ruleset::{Campaign, CampaignTrigger, Ruleset};

/// Which of the two rule sets. A table of both is indexed by `side as usize`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum RulesSide {
    New,
    Old,
}

/// The ids of one kind of things, of both rule sets: those of the new rules in their order, then those that only the old ones have.
#[derive(Debug, Default)]
pub(super) struct SharedIds {
    pub(super) ids: Vec<String>,
    /// By rule set, then by its own number.
    numbers: [Vec<u16>; 2],
    /// By rule set, then by the shared number: the rule set's own.
    own: [Vec<Option<u16>>; 2],
}

/// The number of an id in neither rule set: exposures outlive the campaign they are to.
pub(super) const UNKNOWN: u16 = u16::MAX;

impl SharedIds {
    fn new<'r>(rules: &'r [&'r Ruleset], ids_of: impl Fn(&'r Ruleset) -> Vec<&'r str>) -> SharedIds {
        let mut shared = SharedIds::default();
        for (side, rules) in rules.iter().enumerate() {
            for id in ids_of(rules) {
                let known = shared.ids.iter().position(|other| other == id).unwrap_or(shared.ids.len());
                if known == shared.ids.len() {
                    shared.ids.push(id.to_owned());
                }
                // There are fewer than 2^16 of each kind in a rule set, and of more in both the last share a number.
                shared.numbers[side].push(u16::try_from(known).unwrap_or(UNKNOWN));
            }
        }
        for side in 0..2 {
            shared.own[side] = vec![None; shared.ids.len()];
            for (own, number) in (0..).zip(&shared.numbers[side]) {
                shared.own[side][usize::from(*number)] = Some(own);
            }
        }
        shared
    }

    /// The shared number of what a rule set numbers so.
    pub(super) fn number(&self, side: RulesSide, own: u16) -> u16 {
        self.numbers[side as usize].get(usize::from(own)).copied().unwrap_or(UNKNOWN)
    }

    /// The number of an id.
    pub(super) fn of_id(&self, id: &str) -> u16 {
        self.ids.iter().position(|other| other == id).and_then(|at| u16::try_from(at).ok()).unwrap_or(UNKNOWN)
    }

    /// What a rule set numbers it; `None`: it has none of that id.
    pub(super) fn own(&self, side: RulesSide, number: u16) -> Option<u16> {
        self.own[side as usize].get(usize::from(number)).copied().flatten()
    }

    pub(super) fn id(&self, number: u16) -> &str {
        self.ids.get(usize::from(number)).map_or("", String::as_str)
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }
}

/// All of them.
#[derive(Debug)]
pub(super) struct SharedNames {
    pub(super) segments: SharedIds,
    pub(super) campaigns: SharedIds,
    pub(super) budgets: SharedIds,
    pub(super) ledgers: SharedIds,
    pub(super) goals: SharedIds,
    events: SharedIds,
    /// By campaign: whether both rule sets have it, triggered by the same.
    pub(super) same_trigger: Vec<bool>,
}

impl SharedNames {
    pub(super) fn new(rules: &[&Ruleset]) -> SharedNames {
        let mut names = SharedNames {
            segments: SharedIds::new(rules, |rules| rules.segments.iter().map(|it| it.id.as_str()).collect()),
            campaigns: SharedIds::new(rules, |rules| rules.campaigns.iter().map(|it| it.id.as_str()).collect()),
            budgets: SharedIds::new(rules, |rules| rules.budgets.iter().map(|it| it.id.as_str()).collect()),
            ledgers: SharedIds::new(rules, |rules| rules.ledgers.iter().map(|it| it.id.as_str()).collect()),
            goals: SharedIds::new(rules, |rules| rules.goals.iter().map(|it| it.id.as_str()).collect()),
            events: SharedIds::new(rules, |rules| rules.names.iter().map(|it| it.id.as_str()).collect()),
            same_trigger: Vec::new(),
        };
        let both = |number| {
            let of = |side: RulesSide| -> Option<&Campaign> {
                rules.get(side as usize)?.campaigns.get(usize::from(names.campaigns.own(side, number)?))
            };
            let (new, old) = (of(RulesSide::New)?, of(RulesSide::Old)?);
            Some(names.trigger(RulesSide::New, new.on) == names.trigger(RulesSide::Old, old.on))
        };
        let numbers = (0..).take(names.campaigns.len());
        names.same_trigger = numbers.map(|number| both(number).unwrap_or(false)).collect();
        names
    }

    /// What triggers a campaign: whether it is an event, the number of its name or segment, and the change.
    pub(super) fn trigger(&self, side: RulesSide, on: CampaignTrigger) -> (bool, u16, u8) {
        match on {
            CampaignTrigger::Transition { segment, change } => {
                (false, self.segments.number(side, segment.0), change as u8)
            }
            CampaignTrigger::Match(name) => (true, self.events.number(side, name.0), 0),
        }
    }
}
