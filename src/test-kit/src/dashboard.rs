//! What stands in `dashboards/`, for tests.

use std::fs;

use serde_json::Value;

/// The dashboards.
pub const FILES: [&str; 8] =
    ["growth", "retention", "commerce", "segments", "campaigns", "uplift", "delivery", "engine"];

/// A dashboard by its file's name.
pub fn read(file: &str) -> Value {
    let path = crate::repository().join(format!("dashboards/{file}.json"));
    serde_json::from_str(&fs::read_to_string(path).expect("the dashboard is there")).expect("JSON")
}

/// The engine's dashboard.
pub fn dashboard() -> Value {
    read("engine")
}

/// The panels, rows left out.
pub fn panels(dashboard: &Value) -> Vec<&Value> {
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    panels.filter(|panel| panel["type"] != "row").collect()
}

/// Every query of the engine's dashboard, with the title of its panel, and the variables replaced as Grafana would.
pub fn expressions() -> Vec<(String, String)> {
    expressions_of("engine")
}

/// Every query of a dashboard.
pub fn expressions_of(file: &str) -> Vec<(String, String)> {
    let dashboard = read(file);
    let of_panels = panels(&dashboard).into_iter().flat_map(|panel| {
        let title = panel["title"].as_str().expect("a title");
        panel["targets"].as_array().expect("targets").iter().map(move |target| (title, &target["expr"]))
    });
    let annotations = dashboard["annotations"]["list"].as_array().expect("annotations").iter();
    let of_annotations = annotations.map(|one| (one["name"].as_str().expect("a name"), &one["expr"]));
    let replaced = |expr: &Value| {
        let expr = expr.as_str().expect("an expression");
        let expr = expr.replace("$__rate_interval", "10s").replace("$__range", "1m").replace("$job", "rekindle");
        ["$instance", "$destination", "$channel", "$funnel", "$segment", "$campaign", "$goal"]
            .into_iter()
            .fold(expr, |expr, variable| expr.replace(variable, ".*"))
    };
    of_panels.chain(of_annotations).map(|(title, expr)| (title.to_owned(), replaced(expr))).collect()
}
