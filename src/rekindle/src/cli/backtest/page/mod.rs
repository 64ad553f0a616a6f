//! The result as one HTML page that holds all its data and needs nothing else. It looks as the growth report does.

use crate::cli::growth::report_page::{ECHARTS, PAGE, STYLE, filled};
use rekindle_runtime::backtest::BacktestReport;
use serde::Serialize;

const SCRIPT: &str = include_str!("page.js");
const OWN_STYLE: &str = include_str!("page.css");

/// The data that is embedded in the page, as the script expects it.
#[derive(Serialize)]
struct BacktestPageData<'d> {
    title: &'d str,
    version: &'static str,
    report: &'d BacktestReport,
}

/// The page.
pub(super) fn html(title: &str, report: &BacktestReport) -> Result<String, serde_json::Error> {
    let json = serde_json::to_string(&BacktestPageData { title, version: env!("CARGO_PKG_VERSION"), report })?;
    // In a script, `</` and `<!--` would be HTML.
    let json = json.replace('<', "\\u003c");
    let title = title.replace('&', "&amp;").replace('<', "&lt;");
    let style = format!("{STYLE}{OWN_STYLE}");
    let parts =
        [("title", title.as_str()), ("style", &style), ("echarts", ECHARTS), ("data", &json), ("script", SCRIPT)];
    Ok(filled(PAGE, &parts))
}
