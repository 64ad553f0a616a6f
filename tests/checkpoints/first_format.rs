//! The first checkpoint format, as the first version wrote it: every later version reads it.
//!
//! `first_format/` has the events and the rules, and in `store/` a base (of messages 1 to 4), a delta (5 to 8) and
//! another delta (9 to 12), with links and removed users.

use std::fs;
use std::path::{Path, PathBuf};

use rekindle_core::campaigns::{DeferredDecision, TransitionTrigger, Trigger};
use rekindle_core::checkpoint::FORMAT_VERSION;
use rekindle_core::engine::traits::UserTraits;
use rekindle_core::partition::{PackedUser, User};
use rekindle_core::rules::ruleset::Ruleset;
use rekindle_core::time::Span;
use rekindle_runtime::pipeline::RestoredPipeline;

use crate::stored_pipeline::{StoredPipeline, claim, in_folder, state_at};

pub(crate) fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/checkpoints/first_format/store")
}

/// A writable copy of the fixture.
pub(crate) fn copied() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for entry in fs::read_dir(fixture()).expect("the fixture is there") {
        let path = entry.expect("readable").path();
        fs::copy(&path, folder.path().join(path.file_name().expect("a name"))).expect("copied");
    }
    folder
}

#[tokio::test]
async fn checkpoints_of_the_first_version_are_restored() {
    let folder = copied();
    let (mut stored, loaded) =
        StoredPipeline::start(in_folder(folder.path()), claim("second")).await.expect("it is read");
    assert!(stored.sequence == 12 && loaded.skipped.is_empty());
    assert!(
        known(&stored.pipeline.encode_checkpoint()) == known(&state_at(12)),
        "another state than the events come to"
    );
    stored.feed_to(14);
    stored.checkpoint(false).await.expect("it can be continued");
    let (again, _) = StoredPipeline::start(in_folder(folder.path()), claim("third")).await.expect("it was written");
    assert!(again.sequence == 14 && known(&again.pipeline.encode_checkpoint()) == known(&state_at(14)));
    assert!(again.pipeline.encode_checkpoint() == stored.pipeline.encode_checkpoint());
}

/// Users and links of a state, without what the first format does not have: the zones of deferred decisions, when users were
/// identified (it counts as the time of their latest event), and messageIds older than ten minutes.
fn known(state: &[u8]) -> (Vec<User>, Vec<(String, String)>) {
    let plan = crate::stored_pipeline::plan();
    let restored = RestoredPipeline::read(&plan, &[state]).expect("just written");
    let ten_minutes = Ruleset { dedup_window: Span(600_000), ..plan.rules.clone() };
    let mut users: Vec<User> = restored.partitions.iter().flatten().map(PackedUser::unpack).collect();
    users.sort_by(|a, b| a.id.cmp(&b.id));
    for user in &mut users {
        let deferred = user
            .campaigns
            .deferred()
            .iter()
            .map(|decision| without_time(DeferredDecision { zone: None, ..decision.clone() }))
            .collect();
        user.campaigns.set_deferred(deferred);
        user.profile.tidy(&ten_minutes);
        let traits = &user.profile.traits;
        assert!(traits.entries().is_empty() || traits.identified() <= user.profile.latest);
        user.profile.traits = UserTraits::from_parts(user.profile.latest, traits.entries().to_vec());
    }
    let links = restored.links.iter().map(|(visitor, user)| (visitor.to_string(), user.to_string()));
    (users, links.collect::<std::collections::BTreeMap<_, _>>().into_iter().collect())
}

/// When the decision was deferred is not known: it counts as if that were the end of the quiet hours.
fn without_time(decision: DeferredDecision) -> DeferredDecision {
    let at = decision.until;
    let trigger = decision.trigger.map(|trigger| match trigger {
        Trigger::Transition(transition) => Trigger::Transition(TransitionTrigger { at, ..transition }),
        Trigger::Match(matched) => Trigger::Match(matched),
    });
    DeferredDecision { trigger, at, ..decision }
}

#[test]
fn the_fixture_has_every_kind_of_state() {
    let plan = crate::stored_pipeline::plan();
    let state = state_at(12);
    let restored = RestoredPipeline::read(&plan, &[&state]).expect("just written");
    let users: Vec<_> = restored.partitions.iter().flatten().map(PackedUser::unpack).collect();
    let mut cells = std::collections::BTreeSet::new();
    users.iter().for_each(|user| cells.extend(user.profile.feature_ids().map(|id| id.0)));
    assert_eq!(cells.len(), plan.rules.features.len(), "something of every feature");
    assert!(users.iter().any(|user| user.profile.zone.is_some() && !user.profile.dedup().is_empty()));
    assert!(users.iter().any(|user| !user.profile.traits.entries().is_empty()));
    let campaigns: Vec<_> = users.iter().map(|user| &user.campaigns).collect();
    assert!(campaigns.iter().any(|state| !state.exposures().is_empty()));
    assert!(campaigns.iter().any(|state| !state.cap_times().is_empty()));
    assert!(campaigns.iter().any(|state| !state.deferred().is_empty()), "something is deferred");
    assert!(!restored.links.is_empty());
}

/// How the fixture was written.
#[tokio::test]
#[ignore = "writes the fixture; its files are never to be replaced"]
async fn write_the_fixture() {
    assert_eq!(FORMAT_VERSION, 1, "a later format gets a fixture of its own");
    assert!(!fixture().exists(), "the fixture is there already");
    let (mut stored, _) = StoredPipeline::start(in_folder(&fixture()), claim("first")).await.expect("a folder");
    for sequence in [4, 8, 12] {
        stored.feed_to(sequence);
        stored.checkpoint(false).await.expect("there is room");
    }
    fs::remove_file(fixture().join("lock")).expect("it is not needed");
}
