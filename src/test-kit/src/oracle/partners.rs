//! Consent, and what partners are told about users who give it.

use serde_json::{Value as Json, json};
use toml::Table;

use super::evaluate::EvaluationScope;
use super::expression::OracleExpression;
use super::fields::{position, required, string, strings};
use super::log::print_time;
use super::resolve;
use super::rules::OracleRules;
use super::share::hmac;
use super::user::OracleUser;
use super::value::OracleValue;

/// An entry of `[[partners]]`.
pub(crate) struct OraclePartner {
    pub(crate) id: String,
    pub(crate) needs: Vec<String>,
    pub(crate) subject: Option<OracleExpression>,
    /// Indexes of segments.
    pub(crate) segments: Vec<usize>,
}

/// What a call said about consent to a purpose.
#[derive(Clone)]
pub(crate) struct OracleSaying {
    purpose: String,
    at: i64,
    is_given: bool,
}

/// What a partner was told last: the user is in a segment.
#[derive(Clone)]
pub(crate) struct OracleSharing {
    /// Indexes of the partner and the segment.
    place: (usize, usize),
    subject: String,
}

impl OracleUser {
    /// Notes what a call says about consent.
    pub(crate) fn hear(&mut self, context: &Json, at: i64) {
        let said = context.get("consent").and_then(|consent| consent.get("categoryPreferences"));
        for (purpose, value) in said.and_then(Json::as_object).into_iter().flatten() {
            if let Some(is_given) = value.as_bool() {
                self.sayings.push(OracleSaying { purpose: purpose.clone(), at, is_given });
            }
        }
    }

    /// What was said of a purpose at the latest time; of two things said at once, no.
    pub(crate) fn consent(&self, purpose: &str) -> Option<bool> {
        let about_it: Vec<&OracleSaying> = self.sayings.iter().filter(|saying| saying.purpose == purpose).collect();
        let latest = about_it.iter().map(|saying| saying.at).max()?;
        Some(about_it.iter().filter(|saying| saying.at == latest).all(|saying| saying.is_given))
    }

    /// Whether the user consents to all of these.
    pub(crate) fn consents_to(&self, purposes: &[String]) -> bool {
        purposes.iter().all(|purpose| self.consent(purpose) == Some(true))
    }

    /// Tells partners what is other than before.
    pub(crate) fn tell_partners(&mut self, rules: &OracleRules, journal: &mut Vec<Json>) {
        for (index, partner) in rules.partners.iter().enumerate() {
            let text = match &partner.subject {
                None => Some(self.id.clone()),
                Some(term) => match EvaluationScope::of_user(self, rules).value(term) {
                    OracleValue::Text(text) => Some(text),
                    _ => None,
                },
            };
            let subject = text.filter(|_| self.consents_to(&partner.needs)).map(|text| {
                let key = hmac(&rules.secret, &format!("partner:{}", partner.id));
                hmac(&key, &text)[..16].iter().map(|byte| format!("{byte:02x}")).collect::<String>()
            });
            for segment in &partner.segments {
                let place = (index, *segment);
                let known = self.shared.iter().position(|sharing| sharing.place == place);
                let known = known.map(|at| self.shared[at].subject.clone());
                let wanted = subject.clone().filter(|_| self.member_of[*segment]);
                if known == wanted {
                    continue;
                }
                self.shared.retain(|sharing| sharing.place != place);
                if let Some(subject) = known {
                    journal.push(self.sharing_line(place, "exit", &subject, rules));
                }
                if let Some(subject) = wanted {
                    journal.push(self.sharing_line(place, "enter", &subject, rules));
                    self.shared.push(OracleSharing { place, subject });
                }
            }
        }
    }

    /// Tells partners that the user is no more.
    pub(crate) fn end_sharing(&mut self, rules: &OracleRules, journal: &mut Vec<Json>) {
        for (index, partner) in rules.partners.iter().enumerate() {
            for segment in &partner.segments {
                let place = (index, *segment);
                if let Some(at) = self.shared.iter().position(|sharing| sharing.place == place) {
                    let OracleSharing { subject, .. } = self.shared.remove(at);
                    journal.push(self.sharing_line(place, "exit", &subject, rules));
                }
            }
        }
    }

    fn sharing_line(
        &self,
        (partner, segment): (usize, usize),
        change: &str,
        subject: &str,
        rules: &OracleRules,
    ) -> Json {
        json!({
            "kind": "shared", "user": self.id, "partner": rules.partners[partner].id,
            "segment": rules.segments[segment].id, "change": change, "subject": subject, "at": print_time(self.now),
        })
    }
}

/// An entry of `[[partners]]`.
pub(super) fn partner(table: &Table, names: &[String], segments: &[String]) -> OraclePartner {
    OraclePartner {
        id: required(table, "id"),
        needs: strings(table, "needs").unwrap_or_default(),
        subject: string(table, "subject").map(|text| resolve::parse(&text, names, segments)),
        segments: strings(table, "segments").expect("it has").iter().map(|id| position(segments, id)).collect(),
    }
}
