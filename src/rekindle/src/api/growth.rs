//! The growth numbers: all of them, or one kind.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use strum::{EnumString, VariantNames};

use super::problem::ProblemDocument;
use super::routes::ApiServices;
use rekindle_core::growth::GrowthReport;
use rekindle_core::growth::calendar::Day;
use rekindle_core::growth::report::GrowthNumbers;
use rekindle_core::rules::growth::{Currency, Stage};
use rekindle_core::time::Timestamp;

/// A kind of growth numbers, as in the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, VariantNames)]
#[strum(serialize_all = "snake_case")]
enum GrowthKind {
    Users,
    Days,
    Hours,
    Retention,
    Lifecycle,
    Funnels,
    Commerce,
    Promotions,
    Targets,
    Outlook,
}

/// One kind of numbers, with the moment and the names they refer to.
#[derive(Serialize)]
struct GrowthKindResponse<'n, T> {
    as_of: &'n str,
    timezone: &'n str,
    currency: Option<Currency>,
    today: Day,
    channels: &'n [String],
    stages: &'n [Stage],
    numbers: &'n T,
}

/// All growth numbers
///
/// Business days and hours of up to 400 days, retention triangles, funnels, lifecycle, commerce, promotions and targets,
/// as of a moment ago. For rules with a section `[growth]`.
#[utoipa::path(get, path = "/v1/growth", tag = "growth", responses(
    (status = 200, description = "The numbers", body = Object),
    (status = 404, description = "The rules ask for no growth numbers, or there are none yet", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 503, description = "The engine is catching up with the log: numbers of now would mix two moments", body = ProblemDocument, content_type = "application/problem+json")
))]
pub(super) async fn growth(State(services): State<Arc<ApiServices>>) -> Result<Response, ProblemDocument> {
    let report = report(&services)?;
    answer(move || serde_json::to_vec(&*report)).await
}

/// One kind of growth numbers
#[utoipa::path(get, path = "/v1/growth/{kind}", tag = "growth",
    params(("kind" = String, Path, description = "`users`, `days`, `hours`, `retention`, `lifecycle`, `funnels`, `commerce`, `promotions`, `targets` or `outlook` (the last week in a sentence, key figures beside the period before, the targets' pace and forecast, the hour's trend, hours out of the usual)", example = "retention")),
    responses(
        (status = 200, description = "The numbers, with the moment and the names they refer to", body = Object),
        (status = 404, description = "There is no such kind, the rules ask for no growth numbers, or there are none yet", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "The engine is catching up with the log: numbers of now would mix two moments", body = ProblemDocument, content_type = "application/problem+json")
    ))]
pub(super) async fn one_kind(
    State(services): State<Arc<ApiServices>>,
    Path(kind): Path<String>,
) -> Result<Response, ProblemDocument> {
    let Ok(kind) = kind.parse::<GrowthKind>() else {
        return Err(ProblemDocument::not_found(format!(
            "there are no growth numbers of that kind; there are {}",
            GrowthKind::VARIANTS.join(", ")
        )));
    };
    let report = report(&services)?;
    answer(move || {
        let numbers = &report.numbers;
        match kind {
            GrowthKind::Users => one(numbers, &numbers.users),
            GrowthKind::Days => one(numbers, &numbers.days),
            GrowthKind::Hours => one(numbers, &numbers.hours),
            GrowthKind::Retention => one(numbers, &numbers.retention),
            GrowthKind::Lifecycle => one(numbers, &numbers.lifecycle),
            GrowthKind::Funnels => one(numbers, &numbers.funnels),
            GrowthKind::Commerce => one(numbers, &numbers.commerce),
            GrowthKind::Promotions => one(numbers, &numbers.promotions),
            GrowthKind::Targets => one(numbers, &numbers.targets),
            GrowthKind::Outlook => one(numbers, &report.outlook),
        }
    })
    .await
}

fn report(services: &ApiServices) -> Result<Arc<GrowthReport>, ProblemDocument> {
    let stats = services.live.stats();
    if let Some(report) = &stats.growth {
        return Ok(Arc::clone(report));
    }
    Err(match &stats.plan.growth {
        None => ProblemDocument::not_found("the rules ask for no growth numbers: they have no section [growth]"),
        Some(_) if services.live.is_live() && stats.totals.events == 0 && stats.watermark < Timestamp::MIN => {
            ProblemDocument::not_found("there are no growth numbers yet: no event was read")
        }
        Some(_) => ProblemDocument::unavailable(
            "the engine is catching up with the log: there are no growth numbers until all timers that are due have fired; \
             try again",
        ),
    })
}

fn one<T: Serialize>(numbers: &GrowthNumbers, kind: &T) -> serde_json::Result<Vec<u8>> {
    let GrowthNumbers { as_of, timezone, currency, today, channels, stages, .. } = numbers;
    let (currency, today) = (*currency, *today);
    serde_json::to_vec(&GrowthKindResponse { as_of, timezone, currency, today, channels, stages, numbers: kind })
}

/// Serialised on a blocking thread, since the response may be large.
async fn answer(
    write: impl FnOnce() -> serde_json::Result<Vec<u8>> + Send + 'static,
) -> Result<Response, ProblemDocument> {
    let failed = || ProblemDocument::new(StatusCode::INTERNAL_SERVER_ERROR, "the numbers could not be written");
    let body = tokio::task::spawn_blocking(write).await.map_err(|_| failed())?.map_err(|_| failed())?;
    Ok(([(CONTENT_TYPE, "application/json")], body).into_response())
}
