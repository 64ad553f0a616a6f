//! The document and the router say the same.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::super::{
    ApiServices, ConsentChange, HistoryRequests, HistoryUnavailable, LoggedPosition, LoggedStory, MetricsCache,
    NotLogged, Routes, RulesProvider, StoryRequest, UserRequests,
};
use super::{ApiAccess, PATH, document};
use crate::audit::AuditMemory;
use crate::backtests::Backtests;
use crate::reload::{ActiveRules, FromLogReload, ReloadError, ReloadOutcome, RulesUpdate, UpdateOutcome};
use crate::versions::{RulesVersion, VersionsUnreadable};
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::rules;
use rekindle_runtime::health::Health;
use rekindle_runtime::live;
use rekindle_runtime::pipeline::{Pipeline, PipelineOptions};
use rekindle_settings::{HttpSettings, Secret};

struct NoRules;

impl RulesProvider for NoRules {
    fn active(&self) -> ActiveRules {
        let since = rekindle_core::time::Timestamp(0);
        ActiveRules { version: String::new(), path: "rules.toml".into(), since, text: String::new(), by: String::new() }
    }

    fn read(&self, _: bool) -> BoxFuture<'_, Result<String, ReloadError>> {
        async { Err(ReloadError::NotChanged(live::EngineBusy.into())) }.boxed()
    }

    fn reload(&self, _: bool, _: String) -> BoxFuture<'_, Result<ReloadOutcome, ReloadError>> {
        async { Err(ReloadError::NotChanged(live::EngineBusy.into())) }.boxed()
    }

    fn reload_from_log(&self, _: bool, _: String) -> BoxFuture<'_, Result<FromLogReload, ReloadError>> {
        async { Err(ReloadError::NoLog) }.boxed()
    }

    fn update(&self, _: RulesUpdate) -> BoxFuture<'_, Result<UpdateOutcome, ReloadError>> {
        async { Err(ReloadError::NoLog) }.boxed()
    }

    fn versions(&self) -> BoxFuture<'_, Result<Vec<RulesVersion>, VersionsUnreadable>> {
        async { Ok(Vec::new()) }.boxed()
    }

    fn version_text(&self, _: String) -> BoxFuture<'_, Result<Option<String>, VersionsUnreadable>> {
        async { Ok(None) }.boxed()
    }

    fn latest_from_log(&self) -> Option<FromLogReload> {
        None
    }

    fn cancel_from_log(&self) -> bool {
        false
    }
}

struct NoLog;

impl UserRequests for NoLog {
    fn forget(&self, _: &str) -> BoxFuture<'_, Result<LoggedPosition, NotLogged>> {
        async { Ok(LoggedPosition { sequence: None }) }.boxed()
    }

    fn consent(&self, _: ConsentChange) -> BoxFuture<'_, Result<LoggedPosition, NotLogged>> {
        async { Ok(LoggedPosition { sequence: None }) }.boxed()
    }
}

impl HistoryRequests for NoLog {
    fn story(&self, _: StoryRequest) -> BoxFuture<'_, Result<LoggedStory, HistoryUnavailable>> {
        async { Err(HistoryUnavailable::NoLog) }.boxed()
    }
}

/// Without a token, with one, and with one for metrics too.
fn json_documents() -> [Value; 3] {
    let token = Some(Secret::Environment("a-token-of-some-length".to_owned()));
    let with = HttpSettings { token, ..HttpSettings::default() };
    [HttpSettings::default(), with.clone(), HttpSettings { open_metrics: false, ..with }].map(|settings| {
        let access = ApiAccess::new(&settings).expect("the settings are good");
        serde_json::to_value(document(&access)).expect("a document")
    })
}

fn json_document() -> Value {
    let [without, ..] = json_documents();
    without
}

fn routes() -> Routes {
    let plan =
        Arc::new(ExecutionPlan::new(rules::compile("").unwrap_or_else(|_| unreachable!("no rules, no mistakes"))));
    let options = PipelineOptions { workers: 1, partitions: 1, ..PipelineOptions::default() };
    let pipeline = Pipeline::new(plan, options).expect("threads start");
    let live = live::start(pipeline, live::EngineStart::default(), tokio::runtime::Handle::current())
        .expect("a thread starts")
        .live;
    let services = ApiServices {
        health: Health::default(),
        rules: Arc::new(NoRules),
        requests: Arc::new(NoLog),
        audit: Arc::new(AuditMemory::default()),
        history: Arc::new(NoLog),
        backtests: Arc::new(Backtests::without_log(live.clone())),
        live,
        started: Instant::now(),
        clock: None,
    };
    Routes::new(services, MetricsCache::new(|_| Vec::new()), &HttpSettings::default()).expect("loopback")
}

/// The methods that the document has for a path.
fn documented(path: &str) -> BTreeSet<String> {
    let document = json_document();
    document["paths"][path].as_object().expect("a path").keys().map(|method| method.to_uppercase()).collect()
}

#[test]
fn the_document_has_the_paths_of_the_router_and_no_other() {
    let document = json_document();
    let documented: BTreeSet<&str> = document["paths"].as_object().expect("paths").keys().map(String::as_str).collect();
    let v1 = super::super::routes::v1();
    let routed = v1.iter().map(|(path, _)| *path).chain(super::access::OPEN).chain([
        super::access::METRICS,
        PATH,
        super::super::session::PATH,
    ]);
    assert_eq!(documented, routed.collect());
}

#[tokio::test]
async fn each_path_answers_to_the_methods_of_the_document_and_no_other() {
    let router = routes().service.router;
    for path in json_document()["paths"].as_object().expect("paths").keys() {
        let documented = documented(path);
        for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
            let uri = path.replace("{id}", "x");
            let request = Request::builder().method(&method).uri(uri).header("host", "localhost").body(Body::empty());
            let answer = router.clone().oneshot(request.expect("a request")).await.expect("an answer");
            let answers = answer.status() != StatusCode::METHOD_NOT_ALLOWED;
            assert_eq!(answers, documented.contains(method.as_str()), "{method} {path}: {}", answer.status());
        }
    }
}

#[test]
fn examples_are_what_their_schemas_say() {
    let [_, document, _] = json_documents();
    let schemas = document["components"]["schemas"].as_object().expect("schemas");
    let mut examples = 0;
    for (name, schema) in schemas {
        let Some(example) = schema.get("example") else { continue };
        let root = json!({
            "$ref": format!("#/components/schemas/{name}"), "components": {"schemas": schemas},
        });
        let validator = jsonschema::validator_for(&root).expect("a schema");
        let mistakes: Vec<String> = validator.iter_errors(example).map(|error| error.to_string()).collect();
        assert_eq!(mistakes, [""; 0], "{name}");
        examples += 1;
    }
    assert!(examples >= 10, "only {examples} schemas have an example");
}

#[test]
fn a_token_is_asked_for_where_there_is_one_and_nowhere_else() {
    let [without, open_metrics, all] = json_documents();
    assert_eq!(without["components"]["securitySchemes"], Value::Null);
    for (with, more) in [(open_metrics, Some("/metrics")), (all, None)] {
        for (path, item) in with["paths"].as_object().expect("paths") {
            let is_open = ["/healthz", "/readyz"].into_iter().chain(more).any(|open| open == path);
            for (method, operation) in item.as_object().expect("operations") {
                if (path.as_str(), method.as_str()) == ("/v1/session", "post") {
                    assert_eq!(operation.get("security"), None, "who signs in has no token yet");
                    continue;
                }
                let open = is_open;
                assert_eq!(operation["security"] == json!([{"bearer": []}]), !open, "{method} {path}");
                assert_eq!(operation["responses"].get("401").is_some(), !open, "{method} {path}");
                assert_eq!(without["paths"][path][method].get("security"), None, "{method} {path}");
            }
        }
    }
}

#[test]
fn the_table_of_roles_has_every_operation_and_no_other() {
    let document = json_document();
    let paths = document["paths"].as_object().expect("paths").iter();
    let operations = paths.filter(|(path, _)| path.starts_with("/v1/")).flat_map(|(path, item)| {
        item.as_object().expect("operations").keys().map(move |method| (method.to_uppercase(), path.clone()))
    });
    let table = super::super::roles::OPERATIONS.iter();
    let table: BTreeSet<_> = table.map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
    assert_eq!(table, operations.collect());
    assert_eq!(table.len(), super::super::roles::OPERATIONS.len(), "one line for each");
}
