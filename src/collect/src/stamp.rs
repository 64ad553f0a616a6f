//! What is written into a call: by whom and when it was received, and, for a client's, only what a client may say.

use std::net::IpAddr;

use rekindle_core::event::{Event, EventTime};
use rekindle_core::time::Timestamp;
use rekindle_settings::KeyTrust;

use crate::json_object::JsonObject;
use crate::write_keys::KeyGrant;

/// What is known of a request beside its body.
#[derive(Clone, Debug)]
pub(crate) struct RequestFacts {
    /// When it came, by this machine's clock.
    pub(crate) received: Timestamp,
    /// The client's address, if it is to be kept.
    pub(crate) ip: Option<IpAddr>,
    /// What the headers say of the browser, if that is to be kept.
    pub(crate) user_agent: Option<String>,
    /// The first language of `Accept-Language`.
    pub(crate) locale: Option<String>,
}

/// Takes out of a call what its key may not say. Returns whether it said who the user is.
pub(crate) fn restrict(call: &mut JsonObject<'_>, grant: &KeyGrant) -> bool {
    call.remove("writeKey");
    call.remove("receivedAt");
    if grant.trust == KeyTrust::Client && call.present("timestamp").is_some() {
        // With both, `timestamp` would count as corrected by somebody who may do that.
        call.remove("originalTimestamp");
    }
    !grant.may_identify && call.remove("userId").is_some_and(|id| id != "null" && id != "\"\"")
}

/// Gives a call of a client the time that it had by this machine's clock, as far as `sentAt` tells how wrong the client's is.
/// Returns whether that changed the call.
pub(crate) fn correct_time(call: &mut JsonObject<'_>, event: &Event<'_>, time: Timestamp) -> bool {
    let EventTime::Claimed { at, .. } = event.time else { return false };
    call.set_text("originalTimestamp", &at.to_string());
    call.set_text("timestamp", &time.to_string());
    true
}

/// Writes into a call where it came from.
pub(crate) fn mark(call: &mut JsonObject<'_>, grant: &KeyGrant, facts: &RequestFacts) {
    let Some(mut context) = call.object("context") else { return };
    context.set_text("source", &grant.source);
    context.remove("ip");
    if let Some(ip) = facts.ip {
        context.set_text("ip", &ip.to_string());
    }
    if grant.trust == KeyTrust::Client {
        for (name, header) in [("userAgent", &facts.user_agent), ("locale", &facts.locale)] {
            if let (Some(text), None) = (header, context.present(name)) {
                context.set_text(name, text);
            }
        }
    }
    let context = context.json();
    call.set("context", context);
}
