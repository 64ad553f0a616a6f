//! Everything that is stored about a user, in answer to `?export`.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use rekindle_core::json::JsonText;
use rekindle_runtime::pipeline::UserExport;

/// All that is held about a user or an anonymous visitor, as it is held.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Export)]
#[schema(example = json!({
    "user": "u42",
    "watermark": "2026-03-05T09:31:00.000Z",
    "state": {
        "clock": "2026-03-05T09:00:00.000Z",
        "profile": {
            "first_event": "2026-03-01T10:00:00.000Z", "latest_event": "2026-03-05T09:00:00.000Z",
            "segments": ["cart_abandoned"],
            "features": [
                {"feature": "count(view, 30m)", "panes": [
                    {"from": "2026-03-05T09:00:00.000Z", "until": "2026-03-05T09:00:30.000Z", "value": 3}
                ]},
                {"feature": "total(order.total)", "value": 81.73},
                {"feature": "last(view.price)", "last": {"value": 19.5, "at": "2026-03-05T09:00:00.000Z"}}
            ],
            "traits": {"plan": "gold"}, "latest_identify": "2026-03-04T18:00:00.000Z", "timezone": "Europe/Berlin",
            "message_ids": [{"hash": "5e9b1a33928a1318", "accepted": "2026-03-05T09:00:00.000Z"}],
            "next_wake_up": "2026-03-05T09:30:00.000Z"
        },
        "memory": {
            "fired": [{"campaign": "cart_reminder", "count": 1, "last": "2026-03-05T09:30:00.000Z"}],
            "caps": [{"max": 3, "per": "1d", "channel": null, "actions": ["2026-03-05T09:30:00.000Z"]}],
            "held": [{"campaign": "wake_up", "until": "2026-03-05T08:00:00.000Z", "timezone": "Europe/Berlin", "cause": "m17"}]
        }
    },
    "links": {"user": null, "visitors": ["anon-7"]},
    "groups": [{"of": "team", "key": "t-17"}],
    "decisions": [{
        "kind": "decision", "user": "u42", "campaign": "cart_reminder", "outcome": "cooldown",
        "at": "2026-03-05T09:30:00.000Z", "cause": "time"
    }]
}))]
pub(super) struct UserExportResponse {
    /// The id.
    user: String,
    /// The log's watermark; null before the first event.
    #[schema(format = DateTime)]
    watermark: Option<String>,
    /// The state of the user; null: there is none (of a visitor who became a user, for one).
    state: Option<ExportedState>,
    /// Links between anonymous visitors and users.
    links: ExportedLinks,
    /// The groups that keep the id, or that of a visitor who became the user: they count it, have it as a value, or may tell it
    /// something.
    groups: Vec<ExportedGroup>,
    /// The latest decisions about the user and the visitors who became it, oldest first, as the journal writes them.
    #[schema(value_type = Vec<Object>)]
    decisions: Vec<Value>,
}

/// The state of a user, as it is held.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = State)]
pub(super) struct ExportedState {
    /// The user's clock: the latest instant at which anything was evaluated.
    #[schema(format = DateTime)]
    clock: String,
    /// What happened: first and latest event, segments, what each feature holds (every pane, total, latest value), traits
    /// (null ones too) and when the user was identified last, time zone, hashes of messageIds.
    #[schema(value_type = Object)]
    profile: JsonText,
    /// What campaigns remember: how often each fired, when actions that caps count went out, what quiet hours hold back.
    #[schema(value_type = Object)]
    memory: Value,
}

/// Links between anonymous visitors and users.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Links)]
pub(super) struct ExportedLinks {
    /// The user whom this id is linked to as an anonymous visitor.
    user: Option<String>,
    /// The anonymous visitors who became this user.
    visitors: Vec<String>,
}

/// A group that keeps the id.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExportedGroup)]
pub(super) struct ExportedGroup {
    /// The `[groups.G]` of the rules.
    of: String,
    /// The key.
    key: String,
}

impl UserExportResponse {
    pub(super) fn new(user: String, held: UserExport, decisions: Vec<Value>) -> UserExportResponse {
        let state = held.state.map(|state| ExportedState {
            clock: state.clock.to_string(),
            profile: state.profile,
            memory: state.memory,
        });
        UserExportResponse {
            user,
            watermark: (held.watermark > rekindle_core::time::Timestamp::MIN).then(|| held.watermark.to_string()),
            state,
            links: ExportedLinks {
                user: held.linked_to.map(|user| user.to_string()),
                visitors: held.visitors.iter().map(|visitor| visitor.to_string()).collect(),
            },
            groups: held.groups.into_iter().map(|(of, key)| ExportedGroup { of, key: key.to_string() }).collect(),
            decisions,
        }
    }
}
