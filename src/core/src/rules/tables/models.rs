//! `[[models]]`: who is still a customer.

use std::ops::Range;

use strum::VariantNames;
use toml::Spanned;

use super::RulesReader;
use crate::diagnostics::{nearest, shorten};
use crate::document::TomlSection;
use crate::event::FieldId;
use crate::features::CountedMatches;
use crate::models::{ModelKind, PurchaseModel, SpendModel};
use crate::rules::ruleset::{CustomerModel, Feature, FeatureId, FeatureSource, NameId};

/// Keys of a model.
pub(in crate::rules) const MODEL_KEYS: [&str; 13] =
    ["id", "kind", "on", "min_gap", "unit", "r", "alpha", "a", "b", "value", "p", "q", "gamma"];

/// The largest parameter. What is larger cannot be told from infinite.
const PARAMETER_MAX: f64 = 1e12;

impl<'t> RulesReader<'t> {
    /// Reads `[[models]]`. The names of events are known.
    pub(super) fn models(&mut self, root: &TomlSection<'t>) -> Vec<CustomerModel> {
        let tables = root.tables("models", &mut self.problems);
        if let Some((_, span)) = tables.get(usize::from(u16::MAX)) {
            self.problems.add(span, "there are more than 65,535 models", "");
            return Vec::new();
        }
        let mut models = Vec::with_capacity(tables.len());
        for (table, span) in tables {
            let mut section = TomlSection::open("this model", span, table, &MODEL_KEYS, &mut self.problems);
            let id = self.model_id(&section);
            if !id.is_empty() {
                section.title = format!("model `{id}`");
            }
            let model = self.model(id.clone(), &section);
            self.symbols.models.push((id, model.clone()));
            models.extend(model);
        }
        models
    }

    fn model_id(&mut self, section: &TomlSection<'t>) -> String {
        let Some(id) = section.needed_string("id", "\"buying\"", &mut self.problems) else { return String::new() };
        if !self.check_id("model's id", id.get_ref(), &id.span()) {
            return String::new();
        }
        if self.symbols.models.iter().any(|(other, _)| other == id.get_ref()) {
            let help = "give each model an id of its own";
            self.problems.add(&id.span(), format!("there are two models `{}`", id.get_ref()), help);
        }
        (*id.get_ref()).to_owned()
    }

    fn model(&mut self, id: String, section: &TomlSection<'t>) -> Option<CustomerModel> {
        let kind = self.model_kind(section);
        let name = self.model_event(section);
        section.need("unit", "\"7d\"", &mut self.problems);
        let unit = section.duration("unit", &mut self.problems);
        let min_gap = match section.get("min_gap") {
            Some(_) => section.duration("min_gap", &mut self.problems),
            None => Some(CustomerModel::DEFAULT_MIN_GAP),
        };
        let [r, alpha, a, b] = CustomerModel::PURCHASE_PARAMETERS.map(|key| self.needed_parameter(section, key));
        let purchases = || Some(PurchaseModel { kind: kind?, r: r?, alpha: alpha?, a: a?, b: b? });
        let purchases = purchases();
        let value = self.spending(section, name);
        let (name, min_gap, unit, purchases, (value, spending)) = (name?, min_gap?, unit?, purchases?, value?);
        let feature = CountedMatches { min_gap, value, adds_uncounted: false };
        let feature = self.model_feature(&section.span, name, feature)?;
        Some(CustomerModel { id, name, feature, unit, purchases, spending })
    }

    fn model_kind(&mut self, section: &TomlSection<'t>) -> Option<ModelKind> {
        let text = section.needed_string("kind", "\"mbg_nbd\"", &mut self.problems)?;
        let kind = text.get_ref().parse::<ModelKind>().ok();
        if kind.is_none() {
            let help = match nearest(text.get_ref(), ModelKind::VARIANTS.iter().copied()) {
                Some(known) => format!("did you mean `{known}`?"),
                None => "write `mbg_nbd`, where anybody may leave after any purchase, or `bg_nbd`, where nobody leaves after \
                         the first"
                    .to_owned(),
            };
            self.problems.add(&text.span(), format!("there is no kind of model {}", shorten(text.get_ref())), help);
        }
        kind
    }

    fn model_event(&mut self, section: &TomlSection<'t>) -> Option<NameId> {
        let on: Spanned<&str> = section.needed_string("on", "\"order\"", &mut self.problems)?;
        let found = self.symbols.names.get(*on.get_ref()).copied();
        if found.is_none() {
            let names = self.symbols.name_order.iter().map(String::as_str);
            let help = self.problems.suggest(on.get_ref(), names, "events");
            let message = format!("there is no event {} in [events]", shorten(on.get_ref()));
            self.problems.add_missing(&on.span(), message, help);
        }
        found
    }

    /// `value`, `p`, `q` and `gamma`: all of them or none. `None`: there is a mistake, which was reported.
    fn spending(
        &mut self,
        section: &TomlSection<'t>,
        name: Option<NameId>,
    ) -> Option<(Option<FieldId>, Option<SpendModel>)> {
        let value = section.string("value", &mut self.problems);
        let keys = CustomerModel::SPEND_PARAMETERS;
        let given = keys.iter().chain(&["value"]).filter(|key| section.get(key).is_some()).count();
        let [p, q, gamma] = keys.map(|key| self.parameter(section, key));
        if given == 0 {
            return Some((None, None));
        }
        if given < keys.len() + 1 {
            let missing: Vec<String> = ["value"]
                .iter()
                .chain(&keys)
                .filter(|key| section.get(key).is_none())
                .map(|key| format!("`{key}`"))
                .collect();
            let message =
                format!("{} has something of what purchases are worth, but no {}", section.title, missing.join(", "));
            let help = "`value`, `p`, `q` and `gamma` belong together: `rekindle fit --value` prints them; leave all out where clv(…) is not asked for";
            self.problems.add(&section.span, message, help);
            return None;
        }
        let value = value?;
        let path: Vec<String> = value.get_ref().split('.').map(str::to_owned).collect();
        if path.iter().any(String::is_empty) || path[0] == "properties" {
            let help = "write the path below the properties: value = \"total\"";
            self.problems.add(&value.span(), "`value` names a property of the matches", help);
            return None;
        }
        let name = name?;
        let event = self.symbols.name_order.get(usize::from(name.0)).cloned().unwrap_or_default();
        let Ok(field) = self.symbols.value_field(name, &event, &path) else {
            self.problems.add(&value.span(), "these rules read more than 65,536 different properties", "");
            return None;
        };
        Some((Some(field), Some(SpendModel { p: p?, q: q?, gamma: gamma? })))
    }

    fn needed_parameter(&mut self, section: &TomlSection<'t>, key: &str) -> Option<f64> {
        section.need(key, "the number that `rekindle fit` prints", &mut self.problems);
        self.parameter(section, key)
    }

    /// A parameter, above 0.
    fn parameter(&mut self, section: &TomlSection<'t>, key: &str) -> Option<f64> {
        let number = section.number(key, f64::NEG_INFINITY..=PARAMETER_MAX, &mut self.problems)?;
        if number > 0.0 {
            return Some(number);
        }
        if let Some(value) = section.get(key) {
            let help = "`rekindle fit` finds the parameters in past purchases";
            self.problems.add(&value.span(), format!("`{key}` must be above 0"), help);
        }
        None
    }

    fn model_feature(&mut self, span: &Range<usize>, name: NameId, kind: CountedMatches) -> Option<FeatureId> {
        let feature =
            Feature { per: None, group: None, source: FeatureSource::Matches(name), second: None, kind: kind.into() };
        let id = self.symbols.registry.feature(feature).ok();
        if id.is_none() {
            self.problems.add(span, "these rules read more than 65,536 different features", "");
        }
        id
    }
}
