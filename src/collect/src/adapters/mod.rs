//! The protocols of other vendors' SDKs: which paths, which table, which answer. What a vendor's body becomes is in its table, of
//! `rekindle-mapping`; `decode` unwraps what the body is wrapped in.

mod decode;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use rekindle_mapping::{MappingTable, builtin};
use serde_json::{Value, json};

use crate::answer;
pub(crate) use decode::{VendorBodyError, VendorRequest};

/// A transparent pixel.
const GIF: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";

/// The protocol of a vendor's SDKs.
#[derive(Debug)]
pub(crate) struct VendorAdapter {
    pub(crate) vendor: Vendor,
    pub(crate) paths: &'static [&'static str],
    pub(crate) table: MappingTable,
}

/// Vendors whose SDKs are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vendor {
    PostHog,
    Amplitude,
    Mixpanel,
    Sensors,
    GoogleAnalytics,
    Snowplow,
    Matomo,
}

/// What became of a vendor's request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VendorOutcome {
    pub(crate) accepted: usize,
    pub(crate) rejected: usize,
    /// Whether it was a request for a picture.
    pub(crate) is_pixel: bool,
    /// Whether the query asks for an answer in JSON.
    pub(crate) is_verbose: bool,
}

/// All of them.
pub(crate) static ADAPTERS: LazyLock<[VendorAdapter; 7]> = LazyLock::new(|| {
    [
        (Vendor::PostHog, &["/capture", "/capture/", "/batch/", "/e", "/e/", "/i/v0/e", "/i/v0/e/"][..], "posthog"),
        (Vendor::Amplitude, &["/2/httpapi", "/batch"][..], "amplitude"),
        (Vendor::Mixpanel, &["/track", "/track/", "/import", "/engage", "/engage/"][..], "mixpanel"),
        (Vendor::Sensors, &["/sa", "/sa.gif"][..], "sensors"),
        (Vendor::GoogleAnalytics, &["/mp/collect"][..], "ga4"),
        (Vendor::Snowplow, &["/com.snowplowanalytics.snowplow/tp2", "/i"][..], "snowplow"),
        (Vendor::Matomo, &["/matomo.php", "/piwik.php"][..], "matomo"),
    ]
    .map(|(vendor, paths, table)| VendorAdapter { vendor, paths, table: builtin_table(table) })
});

/// A table that is part of this program, by its name.
pub(crate) fn builtin_table(name: &str) -> MappingTable {
    builtin::table(name).unwrap_or_else(|| unreachable!("tests read all tables of this program"))
}

/// A table that is part of this program: tests read all of them.
pub(crate) fn own_table(text: &str) -> MappingTable {
    MappingTable::parse(text).unwrap_or_else(|problems| unreachable!("a table of this program is wrong: {problems:?}"))
}

impl Vendor {
    /// Whether a GET asks for a picture: Mixpanel's SDKs for servers send by GET, and read the answer.
    pub(crate) fn is_pixel(self, query: &Value) -> bool {
        self != Vendor::Mixpanel || query["img"] == json!("1")
    }

    /// The answer that its SDKs take for success.
    pub(crate) fn answer(self, outcome: VendorOutcome) -> Response {
        let VendorOutcome { accepted, rejected, is_pixel, is_verbose } = outcome;
        if is_pixel {
            return ([(CONTENT_TYPE, "image/gif"), (CACHE_CONTROL, "no-store")], GIF).into_response();
        }
        match self {
            Vendor::PostHog => answer::json(StatusCode::OK, &json!({ "status": 1 })),
            Vendor::Amplitude => answer::json(StatusCode::OK, &json!({ "code": 200, "events_ingested": accepted })),
            Vendor::Mixpanel if is_verbose => answer::json(StatusCode::OK, &json!({ "status": 1, "error": null })),
            Vendor::Mixpanel => "1".into_response(),
            Vendor::Sensors => StatusCode::OK.into_response(),
            Vendor::GoogleAnalytics => StatusCode::NO_CONTENT.into_response(),
            Vendor::Snowplow => "ok".into_response(),
            Vendor::Matomo => {
                let document = json!({ "status": "success", "tracked": accepted, "invalid": rejected });
                answer::json(StatusCode::OK, &document)
            }
        }
    }
}
