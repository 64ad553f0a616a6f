//! What partners are told about a user (semantics §21).

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use super::StepContext;
use crate::encoding::RuleReference;
use crate::engine::evaluate::EvaluationContext;
use crate::partition::io::{Cause, LogInstant, Output, OutputKind, SharedOutput};
use crate::partition::{ExecutionPlan, User};
use crate::partners::{PartnerKey, ShareChange, ShareUpdate};
use crate::rules::ruleset::{PartnerId, Ruleset, TransitionKind};
use crate::value::Value;

/// Why all that is shared of a user ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::partition) enum ShareEnd {
    /// The user was idle for too long.
    Expiry,
    /// A record of the log says so: the user is forgotten, or is a visitor that is merged.
    Request,
}

impl StepContext {
    /// Tells partners what is other than before, after the segments were evaluated: by file order of partners, then as each
    /// lists its segments. What the rules do not name any more ends first.
    pub(super) fn share(
        &mut self,
        plan: &ExecutionPlan,
        user: &mut User,
        (position, cause): (u64, &Cause),
        out: &mut Vec<Output>,
    ) {
        let rules = &plan.rules;
        if (rules.partners.is_empty() && user.shares.is_empty()) || self.decides_nothing {
            return;
        }
        let mut told = Vec::new();
        user.shares.drop_unknown(&rules.partners, &mut told);
        let profile = &user.profile;
        let scope = EvaluationContext::new(rules, profile, profile.now);
        for (id, partner) in (0..).map(PartnerId).zip(&rules.partners) {
            let is_allowed = profile.consents.first_lacking(&partner.needs).is_none();
            let text = match &partner.subject {
                None => Some(&*user.id),
                // Most users are in none of the segments, or do not consent.
                Some(subject) if is_allowed => match scope.value(subject) {
                    Value::Text(text) => Some(text),
                    _ => None,
                },
                Some(_) => None,
            };
            let (text, is_shared) = (text.unwrap_or_default(), is_allowed && text.is_some());
            let update = ShareUpdate {
                partner: id,
                definition: partner,
                is_shared: &|segment| is_shared && profile.members.contains(segment),
                text_hash: xxh3_64(text.as_bytes()),
                subject: &|| PartnerKey::new(&self.secret, &partner.id).subject(text),
            };
            user.shares.update(&update, &mut told);
        }
        if told.is_empty() {
            return;
        }
        let moment = match cause {
            Cause::Event(_) => format!("e{position}"),
            Cause::Delivery => format!("d{position}"),
            Cause::Points { round, .. } => format!("p{round}.{position}"),
            Cause::Rules { change } => format!("r{change}"),
            Cause::Time | Cause::Ttl | Cause::Max => "t".to_owned(),
        };
        self.tell_shares(rules, user, told, (position, &moment), out);
    }

    /// Ends all that is shared of a user, who is merged, forgotten or expires at that instant.
    pub(in crate::partition) fn end_shares(
        &mut self,
        plan: &ExecutionPlan,
        user: &mut User,
        (at, end): (LogInstant, ShareEnd),
        out: &mut Vec<Output>,
    ) {
        if user.shares.is_empty() || self.decides_nothing {
            return;
        }
        let mut told = Vec::new();
        user.shares.end_all(&mut told);
        user.profile.now = user.profile.now.max(at.at);
        // At which position time is found to have passed is no matter.
        let moment = match end {
            ShareEnd::Expiry => "t".to_owned(),
            ShareEnd::Request => format!("x{}", at.position),
        };
        self.tell_shares(&plan.rules, user, told, (at.position, &moment), out);
    }

    /// `moment` tells apart what happens at one instant.
    fn tell_shares(
        &mut self,
        rules: &Ruleset,
        user: &User,
        told: Vec<ShareChange>,
        (position, moment): (u64, &str),
        out: &mut Vec<Output>,
    ) {
        for ShareChange { partner, segment, change, subject } in told {
            if let RuleReference::Current(id) = &partner {
                let id = usize::from(*id);
                self.counts.shared[id][change as usize] += 1;
                let known = &mut self.counts.sharing[id];
                *known = if change == TransitionKind::Enter { *known + 1 } else { known.saturating_sub(1) };
            }
            let id_of = |reference: &RuleReference, of: &dyn Fn(usize) -> Arc<str>| match reference {
                RuleReference::Current(id) => of(usize::from(*id)),
                RuleReference::Gone(id) => Arc::clone(id),
            };
            let partner = id_of(&partner, &|id| rules.partners[id].id.as_str().into());
            let segment = id_of(&segment, &|id| rules.segments[id].id.as_str().into());
            let (at, id) = (user.profile.now, &user.id);
            let text = format!("shared:{partner}:{segment}:{}:{}:{moment}:{id}", change.name(), at.0);
            // A code, since a partner must not be able to find out users by trying.
            let code = self.secret.authentication_code(&text);
            let mut event = [0; 16];
            event.copy_from_slice(&code[..16]);
            let shared = SharedOutput { partner, segment, change, subject, event };
            let decided = OutputKind::Shared(Box::new(shared));
            out.push(Output { at, user: Arc::clone(id), position, decided });
        }
    }

    /// The user comes with what is shared of it, or goes with it.
    pub(super) fn count_shares(&mut self, user: &User, change: TransitionKind) {
        for share in user.shares.all() {
            let RuleReference::Current(id) = share.partner else { continue };
            let known = &mut self.counts.sharing[usize::from(id)];
            let segments = share.segments.len() as u64;
            *known = if change == TransitionKind::Enter { *known + segments } else { known.saturating_sub(segments) };
        }
    }
}
