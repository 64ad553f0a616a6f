//! Format 4, as a daemon of the last version that wrote it stored it: the base after the 12 messages of `first_format/`, under
//! rules with keys and campaigns on events. All of a user's state is in it.

use std::sync::Arc;

use rekindle_core::checkpoint::FORMAT_VERSION;
use rekindle_core::partition::{ExecutionPlan, PackedUser, User};
use rekindle_core::rules;
use rekindle_runtime::pipeline::{Pipeline, RestoredPipeline};

use crate::stored_pipeline::{messages, options};

const RULES: &str = include_str!("format_4/rules.toml");
const STATE: &[u8] = include_bytes!("format_4/state");
const STORED_MESSAGES: usize = 12;

fn plan() -> Arc<ExecutionPlan> {
    Arc::new(ExecutionPlan::new(rules::compile(RULES).expect("the rules compile")))
}

fn fed(mut pipeline: Pipeline, messages: &[String]) -> Pipeline {
    messages.iter().for_each(|message| {
        pipeline.feed(message.as_bytes(), &mut |_| {}, &mut Vec::new());
    });
    pipeline
}

fn users(state: &[u8]) -> Vec<User> {
    let restored = RestoredPipeline::read(&plan(), &[state]).expect("it is read");
    let mut users: Vec<User> = restored.partitions.iter().flatten().map(PackedUser::unpack).collect();
    users.sort_by(|a, b| a.id.cmp(&b.id));
    users
}

#[test]
fn checkpoints_of_format_4_are_restored() {
    assert!(STATE[4] == 4 && FORMAT_VERSION > 4);
    let messages = messages();
    let new = || Pipeline::new(plan(), options()).expect("threads start");
    let stored = fed(new(), &messages[..STORED_MESSAGES]).encode_checkpoint();
    assert_eq!(users(STATE), users(&stored));
    let restored = RestoredPipeline::read(&plan(), &[STATE]).expect("format 4 is read");
    let restored = Pipeline::restore(plan(), options(), restored).expect("threads start");
    let continued = fed(restored, &messages[STORED_MESSAGES..]).encode_checkpoint();
    let expected = fed(new(), &messages).encode_checkpoint();
    assert!(!users(&expected).is_empty() && users(&continued) == users(&expected));
}

#[test]
fn the_fixture_has_keys_and_deferred_decisions_of_them() {
    let users = users(STATE);
    assert!(users.iter().any(|user| user.profile.keys.iter().count() > 1), "keys");
    let deferred: Vec<_> = users.iter().flat_map(|user| user.campaigns.deferred()).collect();
    assert!(deferred.iter().any(|decision| format!("{:?}", decision.trigger).contains("Match")), "{deferred:?}");
}
