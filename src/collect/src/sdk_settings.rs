//! The settings documents that browser SDKs ask for before they send anything.

use serde_json::{Value, json};

/// Segment's, for `analytics.js`: every destination is this collector.
pub(crate) fn segment(write_key: &str, host: &str, is_https: bool) -> Value {
    let protocol = if is_https { "https" } else { "http" };
    json!({
        "integrations": {
            "Segment.io": {
                "apiKey": write_key,
                "apiHost": format!("{host}/v1"),
                "protocol": protocol,
                "addBundledMetadata": true,
                "unbundledIntegrations": [],
                "versionSettings": { "version": "4.4.7", "componentTypes": ["browser"] }
            }
        },
        "plan": {
            "track": { "__default": { "enabled": true, "integrations": {} } },
            "identify": { "__default": { "enabled": true } },
            "group": { "__default": { "enabled": true } }
        },
        "edgeFunction": {},
        "analyticsNextEnabled": true,
        "middlewareSettings": {},
        "enabledMiddleware": {},
        "metrics": { "sampleRate": 0 },
        "legacyVideoPluginsEnabled": false,
        "remotePlugins": []
    })
}

/// RudderStack's: a source without destinations.
pub(crate) fn rudderstack(source: &str, write_key: &str) -> Value {
    json!({
        "source": {
            "id": source,
            "name": source,
            "writeKey": write_key,
            "enabled": true,
            "workspaceId": "rekindle",
            "config": {
                "statsCollection": { "errors": { "enabled": false }, "metrics": { "enabled": false } }
            },
            "connections": [],
            "destinations": [],
            "dataplanes": {},
            "updatedAt": "2026-01-01T00:00:00.000Z"
        },
        "isHosted": true,
        "updatedAt": "2026-01-01T00:00:00.000Z"
    })
}
