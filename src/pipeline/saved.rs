//! A pipeline's state as bytes, and a pipeline that goes on from them.

use std::sync::Arc;

use rayon::prelude::*;
use thiserror::Error;

use super::{Options, Pipeline};
use crate::checkpoint::{CodecError, Snapshot, decode_links, decode_users, encode_links, encode_partition};
use crate::decode::Decoder;
use crate::partition::{Output, Plan, User};
use crate::route::partition_of;
use crate::time::Timestamp;

/// A pipeline that cannot go on from where another stopped.
#[derive(Debug, Error)]
pub enum RestoreError {
    /// The state can't be read.
    #[error("could not read the saved state: {0}")]
    State(#[from] CodecError),
    /// A user stands in two partitions.
    #[error("could not read the saved state: it holds the same user twice")]
    UserTwice,
    /// The workers can't be started.
    #[error("could not start the worker threads: {0}")]
    Workers(#[from] rayon::ThreadPoolBuildError),
}

impl Pipeline {
    /// All state of users and links, and where the log stands. Counts are left out. Outputs already handed out are not
    /// in it, though they may still wait for the watermark somewhere.
    pub fn save(&self) -> Vec<u8> {
        let partitions = self.partitions.iter().map(|partition| encode_partition(&self.plan, partition)).collect();
        let links = encode_links(&self.links);
        Snapshot { latest_read: self.latest_read, position: self.position, links, partitions }.encode()
    }

    /// A pipeline that goes on where [`save`](Pipeline::save) was called, with as many partitions and workers as
    /// `options` say. Counts begin at 0. Under other rules than those saved under, every user is evaluated anew at the
    /// watermark, or at the user's clock where that is ahead of it.
    ///
    /// # Errors
    /// The bytes are no saved state, or the system refuses to start the threads.
    pub fn restore(plan: Arc<Plan>, options: Options, saved: &[u8]) -> Result<Pipeline, RestoreError> {
        let snapshot = Snapshot::decode(saved)?;
        let mut pipeline = Pipeline::new(Arc::clone(&plan), options)?;
        pipeline.latest_read = snapshot.latest_read;
        pipeline.position = snapshot.position;
        pipeline.links = decode_links(&snapshot.links)?;
        let (watermark, partitions) = (pipeline.watermark(), pipeline.partitions.len());
        for bytes in &snapshot.partitions {
            for user in users_at(&plan, bytes, watermark)? {
                let partition = &mut pipeline.partitions[partition_of(&user.id, partitions)];
                if partition.user(&user.id).is_some() {
                    return Err(RestoreError::UserTwice);
                }
                partition.attach(user);
            }
        }
        Ok(pipeline)
    }

    /// Goes on under other rules from here, between two events. The state of features that both define alike is kept,
    /// new ones begin empty; every user is evaluated anew, at the watermark or at the user's clock where that is ahead
    /// of it: what that changes is appended to `out`.
    pub fn change_rules(&mut self, next: Arc<Plan>, out: &mut Vec<Output>) {
        let (watermark, plan) = (self.watermark(), Arc::clone(&self.plan));
        self.pool.install(|| {
            self.partitions.par_iter_mut().for_each(|partition| {
                let bytes = encode_partition(&plan, partition);
                let mut changed = partition.emptied(&plan, &next);
                let users = users_at(&next, &bytes, watermark).expect("what was encoded just now can be decoded");
                users.into_iter().for_each(|user| changed.attach(user));
                *partition = changed;
            });
        });
        self.decoder = Decoder::new(&next.rules.projection, self.options.max_event_bytes);
        self.plan = next;
        self.advance_to(watermark, out);
    }
}

/// The users of a partition's bytes. Nothing fires before the watermark any more; what other rules made due at once is
/// due at it.
fn users_at(plan: &Plan, bytes: &[u8], watermark: Timestamp) -> Result<Vec<User>, CodecError> {
    let mut users = decode_users(plan, bytes)?;
    for user in &mut users {
        user.segments_due = user.segments_due.max(watermark);
    }
    Ok(users)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules;

    const RULES: &str = "[events]\nview = \"View\"\n[[segments]]\nid = \"s\"\nwhen = \"total(view) >= 2\"\n";
    const VIEW: &str =
        r#"{"type":"track","event":"View","userId":"u","anonymousId":"a","timestamp":"2026-03-02T00:00:00Z"}"#;
    const LATER: &str = r#"{"type":"page","userId":"other","timestamp":"2026-03-02T01:00:05Z"}"#;

    fn plan(text: &str) -> Arc<Plan> {
        Arc::new(Plan::new(rules::compile(text).unwrap_or_else(|_| unreachable!("the rules have no mistake"))))
    }

    fn saved() -> Vec<u8> {
        let options = Options { workers: 1, ..Options::default() };
        let mut pipeline = Pipeline::new(plan(RULES), options).expect("threads start");
        pipeline.feed(format!("{VIEW}\n{LATER}\n").as_bytes(), &mut |_| {}, &mut Vec::new());
        pipeline.save()
    }

    fn restore(text: &str, saved: &[u8]) -> Result<Pipeline, RestoreError> {
        Pipeline::restore(plan(text), Options { workers: 1, partitions: 3, ..Options::default() }, saved)
    }

    #[test]
    fn users_links_and_where_the_log_stands_come_back() {
        let pipeline = restore(RULES, &saved()).expect("what was saved");
        let watermark = Timestamp::parse_rfc3339("2026-03-02T01:00:00Z").expect("a time");
        assert_eq!((pipeline.watermark(), pipeline.position), (watermark, 2));
        assert_eq!((pipeline.totals().users, pipeline.totals().links), (2, 1));
    }

    #[test]
    fn other_rules_take_effect_at_the_watermark() {
        let mut pipeline = restore(&RULES.replace(">= 2", ">= 1"), &saved()).expect("what was saved");
        let (watermark, mut outputs) = (pipeline.watermark(), Vec::new());
        pipeline.feed(b"", &mut |_| {}, &mut outputs);
        assert_eq!(outputs.iter().map(|output| (&*output.user, output.at)).collect::<Vec<_>>(), [("u", watermark)]);
    }

    #[test]
    fn what_was_not_saved_is_refused() {
        let saved = saved();
        for end in [0, 3, 15, saved.len() - 1] {
            assert!(matches!(restore(RULES, &saved[..end]), Err(RestoreError::State(_))), "{end} bytes");
        }
    }
}
