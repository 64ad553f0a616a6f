//! Checkpoints in a bucket of an S3 emulator.

use object_store::ObjectStoreExt as _;
use object_store::aws::AmazonS3Builder;
use rekindle_runtime::store::{CheckpointStore, ObjectDamage, StoreError};
use rekindle_settings::{CheckpointLocation, CheckpointSettings, Secret};

use crate::stored_pipeline::{StoredPipeline, claim, state_at};
use rekindle_test_kit::s3_server::S3Server;

const BUCKET: &str = "rekindle-test";

fn settings(server: &S3Server, prefix: &str) -> CheckpointSettings {
    CheckpointSettings {
        store: CheckpointLocation::S3 { bucket: BUCKET.to_owned(), prefix: prefix.to_owned() },
        keep: 1,
        s3_endpoint: Some(server.url()),
        s3_allow_http: true,
        s3_access_key_id: Some("id".to_owned()),
        s3_secret_access_key: Some(Secret::Environment("secret".to_owned())),
        ..CheckpointSettings::default()
    }
}

fn open(server: &S3Server, prefix: &str) -> CheckpointStore {
    CheckpointStore::open(&settings(server, prefix)).expect("the settings are sound").expect("a store")
}

/// One server for all of this: it takes seconds to start.
#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_keeps_checkpoints_and_fences_a_second_writer() {
    let mut server = tokio::task::spawn_blocking(|| S3Server::with_bucket(BUCKET)).await.expect("it starts");

    // A base, a delta, and a second base, which replaces the first two.
    let (mut stored, _) = StoredPipeline::start(open(&server, "a/b"), claim("first")).await.expect("an empty bucket");
    for (sequence, whole) in [(2, false), (4, false)] {
        stored.feed_to(sequence);
        stored.checkpoint(whole).await.expect("the service answers");
    }
    let (again, _) = StoredPipeline::start(open(&server, "a/b"), claim("second")).await.expect("it was written");
    assert!(again.sequence == 4 && again.pipeline.encode_checkpoint() == state_at(4));
    let (mut third, _) = StoredPipeline::start(open(&server, "a/b"), claim("third")).await.expect("it was written");
    third.feed_to(6);
    third.checkpoint(true).await.expect("it came last");
    let manifest = third.checkpoints.manifest().await.expect("it was written").expect("it is there");
    assert_eq!((manifest.epoch, manifest.checkpoints.len(), manifest.checkpoints[0].sequence), (3, 1, 6));
    assert!(third.checkpoints.verify().await.expect("intact").iter().all(|finding| finding.damage.is_none()));

    // Those before it can no longer write: the condition of their writes does not hold.
    for overtaken in [&mut stored, &mut { again }] {
        match overtaken.checkpoint(true).await {
            Err(StoreError::Fenced { epoch: 3, instance, .. }) => assert_eq!(instance, "third"),
            other => panic!("{other:?}"),
        }
    }
    // What they wrote is removed with the next commit of the current writer.
    third.checkpoint(false).await.expect("it came last");
    let listed = ureq::get(format!("{}/{BUCKET}?list-type=2", server.url())).call().expect("the service answers");
    let listed = listed.into_body().read_to_string().expect("text");
    let objects: Vec<&str> = listed.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next()).collect();
    assert_eq!(objects.len(), 5, "manifest, its copy, rules, base, delta: {objects:?}");
    assert!(objects.iter().all(|object| object.starts_with("a/b/")), "{objects:?}");

    // Another prefix is another store, in which concurrent claims get different epochs.
    let claims = (0..4).map(|index| {
        let checkpoints = open(&server, "c");
        tokio::spawn(async move { checkpoints.claim(claim(&format!("i{index}"))).await })
    });
    let mut epochs = Vec::new();
    for claim in claims.collect::<Vec<_>>() {
        epochs.push(claim.await.expect("no panic").expect("claimed"));
    }
    epochs.sort_unstable();
    assert_eq!(epochs, [1, 2, 3, 4]);

    // A checkpoint with a missing object is skipped.
    let delta = objects.iter().find(|object| object.ends_with("delta")).expect("there is one");
    remove(&server, delta).await;
    let (fourth, loaded) =
        StoredPipeline::start(open(&server, "a/b"), claim("fourth")).await.expect("the base is there");
    assert!(
        matches!(loaded.skipped[0].damage, ObjectDamage::Missing) && fourth.pipeline.encode_checkpoint() == state_at(6),
        "{loaded:?}"
    );

    // A service that does not answer is no damage: no checkpoint is skipped, and the store is not treated as empty.
    server.stop();
    match StoredPipeline::start(open(&server, "a/b"), claim("fifth")).await {
        Err(StoreError::Failed { place, .. }) => assert_eq!(place, "s3://rekindle-test/a/b"),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("there is nobody to answer"),
    }
}

/// Removes an object without the store.
async fn remove(server: &S3Server, object: &str) {
    let store = AmazonS3Builder::new()
        .with_bucket_name(BUCKET)
        .with_region("us-east-1")
        .with_endpoint(server.url())
        .with_allow_http(true)
        .with_access_key_id("id")
        .with_secret_access_key("secret")
        .build()
        .expect("the settings are sound");
    store.delete(&object_store::path::Path::from(object)).await.expect("the service answers");
}

/// Larger than a part of an upload.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_checkpoint_is_uploaded_in_parts() {
    let server = tokio::task::spawn_blocking(|| S3Server::with_bucket(BUCKET)).await.expect("it starts");
    let (mut stored, _) = StoredPipeline::start(open(&server, ""), claim("first")).await.expect("an empty bucket");
    let mut lines = String::new();
    for user in 0..4_500 {
        // Random text, which does not compress well.
        let name: String = (0..500).map(|index| format!("{:016x}", xxh3(user * 1_000 + index))).collect();
        lines.push_str(&format!(
            "{{\"type\":\"identify\",\"userId\":\"user-{user}\",\"traits\":{{\"vip level\":\"{name}\"}},\
             \"timestamp\":\"2026-03-02T00:00:00Z\"}}\n"
        ));
    }
    stored.pipeline.feed(lines.as_bytes(), &mut |_| {}, &mut Vec::new());
    stored.checkpoint(true).await.expect("the service answers");
    let manifest = stored.checkpoints.manifest().await.expect("it was written").expect("it is there");
    assert!(manifest.checkpoints[0].bytes > 16 << 20, "{} bytes are one part", manifest.checkpoints[0].bytes);
    let (again, _) = StoredPipeline::start(open(&server, ""), claim("second")).await.expect("it was written");
    assert!(again.pipeline.encode_checkpoint() == stored.pipeline.encode_checkpoint());
}

fn xxh3(number: u64) -> u64 {
    xxhash_rust::xxh3::xxh3_64(&number.to_le_bytes())
}
