//! The growth numbers: all of them, or one kind.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::problem::Problem;
use super::routes::Services;
use rekindle_core::growth::Numbers;
use rekindle_core::growth::calendar::Day;
use rekindle_core::time::Timestamp;

/// The kinds of numbers, as in the path.
const KINDS: [&str; 10] =
    ["users", "days", "hours", "retention", "lifecycle", "funnels", "commerce", "promotions", "targets", "outlook"];

/// One kind of numbers, with what they are of.
#[derive(Serialize)]
struct OneKind<'n, T> {
    as_of: &'n str,
    timezone: &'n str,
    today: Day,
    channels: &'n [String],
    stages: &'n [String],
    numbers: &'n T,
}

/// All growth numbers
///
/// Business days and hours of up to 400 days, retention triangles, funnels, lifecycle, commerce, promotions and targets,
/// as of a moment ago. For rules with a section `[growth]`.
#[utoipa::path(get, path = "/v1/growth", tag = "growth", responses(
    (status = 200, description = "The numbers", body = Object),
    (status = 404, description = "The rules ask for no growth numbers, or there are none yet", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The engine is catching up with the log: numbers of now would be half of one moment and half of another", body = Problem, content_type = "application/problem+json")
))]
pub(super) async fn growth(State(services): State<Arc<Services>>) -> Result<Response, Problem> {
    let numbers = numbers(&services)?;
    answer(move || serde_json::to_vec(&*numbers)).await
}

/// One kind of growth numbers
#[utoipa::path(get, path = "/v1/growth/{kind}", tag = "growth",
    params(("kind" = String, Path, description = "`users`, `days`, `hours`, `retention`, `lifecycle`, `funnels`, `commerce`, `promotions`, `targets` or `outlook` (the targets' pace and forecast, the hour's trend and anomalies)", example = "retention")),
    responses(
        (status = 200, description = "The numbers, with what they are of", body = Object),
        (status = 404, description = "There is no such kind, the rules ask for no growth numbers, or there are none yet", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The engine is catching up with the log: numbers of now would be half of one moment and half of another", body = Problem, content_type = "application/problem+json")
    ))]
pub(super) async fn one_kind(
    State(services): State<Arc<Services>>,
    Path(kind): Path<String>,
) -> Result<Response, Problem> {
    let Some(kind) = KINDS.into_iter().find(|known| *known == kind) else {
        return Err(Problem::not_found(format!(
            "there are no growth numbers of that kind; there are {}",
            KINDS.join(", ")
        )));
    };
    let numbers = numbers(&services)?;
    answer(move || match kind {
        "users" => of(&numbers, &numbers.users),
        "days" => of(&numbers, &numbers.days),
        "hours" => of(&numbers, &numbers.hours),
        "retention" => of(&numbers, &numbers.retention),
        "lifecycle" => of(&numbers, &numbers.lifecycle),
        "funnels" => of(&numbers, &numbers.funnels),
        "commerce" => of(&numbers, &numbers.commerce),
        "promotions" => of(&numbers, &numbers.promotions),
        "targets" => of(&numbers, &numbers.targets),
        _ => of(&numbers, &numbers.outlook),
    })
    .await
}

fn numbers(services: &Services) -> Result<Arc<Numbers>, Problem> {
    let stats = services.live.stats();
    if let Some(numbers) = &stats.growth {
        return Ok(Arc::clone(numbers));
    }
    Err(match &stats.plan.growth {
        None => Problem::not_found("the rules ask for no growth numbers: they have no section [growth]"),
        Some(_) if services.live.is_live() && stats.totals.events == 0 && stats.watermark < Timestamp::MIN => {
            Problem::not_found("there are no growth numbers yet: nothing was read")
        }
        Some(_) => Problem::unavailable(
            "the engine is catching up with the log, and what is due has not fired for everybody yet: there are no growth \
             numbers until it has; try again",
        ),
    })
}

fn of<T: Serialize>(numbers: &Numbers, kind: &T) -> serde_json::Result<Vec<u8>> {
    let Numbers { as_of, timezone, today, channels, stages, .. } = numbers;
    serde_json::to_vec(&OneKind { as_of, timezone, today: *today, channels, stages, numbers: kind })
}

/// Written on a thread that others do not wait for: there may be much of it.
async fn answer(write: impl FnOnce() -> serde_json::Result<Vec<u8>> + Send + 'static) -> Result<Response, Problem> {
    let failed = || Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the numbers could not be written");
    let body = tokio::task::spawn_blocking(write).await.map_err(|_| failed())?.map_err(|_| failed())?;
    Ok(([(CONTENT_TYPE, "application/json")], body).into_response())
}
