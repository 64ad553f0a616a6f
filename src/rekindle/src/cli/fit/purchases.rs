//! The purchases of each customer in event files, counted by the engine itself.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::{FitArgs, FitError};
use crate::cli::load::load_settled_rules;
use crate::cli::{CliError, pipeline_options, warn_if_stdin_is_terminal};
use rekindle_core::diagnostics::suggest;
use rekindle_core::engine::model::ModelledUser;
use rekindle_core::models::PurchaseHistory;
use rekindle_core::models::likelihood::{HistoryCount, SpendHistory};
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::rules;
use rekindle_core::rules::ruleset::FeatureKind;
use rekindle_core::time::Timestamp;
use rekindle_runtime::files::source::EventFiles;
use rekindle_runtime::replay::{ReplayError, final_state};
use rekindle_settings::EngineSettings;

/// The event that `order` is where there are no rules.
const SEGMENTS_ORDER: &str = "Order Completed";

/// What all customers bought until an instant.
pub(super) struct CustomerPurchases {
    pub(super) until: Timestamp,
    /// In no particular order.
    pub(super) customers: Vec<Customer>,
}

/// What a customer bought.
pub(super) struct Customer {
    pub(super) id: Arc<str>,
    pub(super) history: PurchaseHistory,
    /// What was spent on all purchases but the first, with what followed each of them too soon to be one of its own.
    pub(super) spent: f64,
}

/// Rules with nothing but the events that a purchase needs, and a model that counts it; its parameters do not matter.
pub(super) fn rules(args: &FitArgs) -> Result<String, CliError> {
    let mut table = toml::Table::new();
    let mut name = "purchase".to_owned();
    match &args.rules {
        Some(path) => {
            let (ruleset, text) = load_settled_rules(path)?;
            let names = ruleset.names.iter().map(|name| name.id.as_str());
            if !names.clone().any(|name| name == args.event) {
                let help = suggest(&args.event, names, "events");
                return Err(FitError::NoSuchEvent { event: args.event.clone(), help }.into());
            }
            let whole: toml::Table = text.parse().map_err(|error: toml::de::Error| wrong(&error))?;
            let kept = ["timezone", "dedup_window", "events"];
            table.extend(whole.into_iter().filter(|(key, _)| kept.contains(&key.as_str())));
            name.clone_from(&args.event);
        }
        None => {
            let event = if args.event == "order" { SEGMENTS_ORDER } else { &args.event };
            table.insert("events".to_owned(), toml::Table::from_iter([(name.clone(), event.into())]).into());
        }
    }
    let texts = [("id", &*args.id), ("kind", args.kind.name()), ("on", &name)];
    let mut model: toml::Table = texts.map(|(key, text)| (key.to_owned(), text.into())).into_iter().collect();
    let spans = [("unit", args.unit), ("min_gap", args.min_gap)];
    model.extend(spans.map(|(key, span)| (key.to_owned(), span.to_string().into())));
    let mut parameters = vec!["r", "alpha", "a", "b"];
    if let Some(value) = &args.value {
        model.insert("value".to_owned(), value.as_str().into());
        parameters.extend(["p", "q", "gamma"]);
    }
    model.extend(parameters.into_iter().map(|key| (key.to_owned(), 1.into())));
    table.insert("models".to_owned(), toml::Value::Array(vec![model.into()]));
    let text = table.to_string();
    match rules::compile(&text) {
        Ok(_) => Ok(text),
        Err(problems) => {
            let told: Vec<String> = problems.into_iter().map(|it| format!("{}; {}", it.message, it.help)).collect();
            Err(FitError::WrongModel(told.join("\n")).into())
        }
    }
}

fn wrong(error: &dyn std::fmt::Display) -> FitError {
    FitError::WrongModel(error.to_string())
}

impl CustomerPurchases {
    /// Reads the events up to `until`, or all of them.
    pub(super) fn read(args: &FitArgs, rules: &str, until: Option<Timestamp>) -> Result<CustomerPurchases, CliError> {
        let mut ruleset = rules::compile(rules).map_err(|_| wrong(&"the rules have mistakes"))?;
        for feature in &mut ruleset.features {
            if let FeatureKind::CountedMatches(kind) = &mut feature.kind {
                kind.adds_uncounted = true;
            }
        }
        let options = pipeline_options(&EngineSettings::default());
        warn_if_stdin_is_terminal(&args.events);
        if args.holdout.is_some() && args.events.iter().any(|path| path == Path::new("-")) {
            return Err(FitError::HoldoutOfStdin.into());
        }
        let files = EventFiles::open(&args.events, options.max_message_bytes()).map_err(ReplayError::from)?;
        let plan = Arc::new(ExecutionPlan::new(ruleset));
        let pipeline = final_state(Arc::clone(&plan), options, until, files)?;
        let until = pipeline.fired();
        let model = &plan.rules.models[0];
        let customers = pipeline.users().filter_map(|user| {
            let known = ModelledUser::of(model, &user.profile)?;
            let spent = known.spent().map_or(0.0, |spent| spent.to_double());
            Some(Customer { id: Arc::clone(&user.id), history: known.history(until.max(user.profile.now)), spent })
        });
        let customers: Vec<Customer> = customers.collect();
        if customers.is_empty() {
            return Err(FitError::NoPurchases(args.event.clone()).into());
        }
        Ok(CustomerPurchases { until, customers })
    }

    /// The different histories, ascending.
    pub(super) fn histories(&self) -> Vec<HistoryCount> {
        let mut histories: Vec<PurchaseHistory> = self.customers.iter().map(|customer| customer.history).collect();
        histories.sort_unstable_by(order);
        let same = |a: &PurchaseHistory, b: &PurchaseHistory| order(a, b).is_eq();
        let groups = histories.chunk_by(same);
        groups.map(|group| HistoryCount { history: group[0], customers: group.len() as u64 }).collect()
    }

    /// What was spent by those who bought again, in a fixed order.
    pub(super) fn spending(&self) -> Vec<SpendHistory> {
        let spent = self.customers.iter().filter(|customer| customer.history.repeats > 0 && customer.spent > 0.0);
        let mut spent: Vec<SpendHistory> =
            spent.map(|customer| SpendHistory { repeats: customer.history.repeats, spent: customer.spent }).collect();
        spent.sort_unstable_by(|a, b| a.repeats.cmp(&b.repeats).then(a.spent.total_cmp(&b.spent)));
        spent
    }

    /// The purchases after the first, by customer.
    pub(super) fn repeats_by_id(&self) -> HashMap<&str, u64> {
        self.customers.iter().map(|customer| (&*customer.id, customer.history.repeats)).collect()
    }
}

fn order(a: &PurchaseHistory, b: &PurchaseHistory) -> Ordering {
    a.repeats.cmp(&b.repeats).then(a.recency.total_cmp(&b.recency)).then(a.age.total_cmp(&b.age))
}
