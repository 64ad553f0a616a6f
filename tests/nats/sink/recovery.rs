//! What a start finds of the former owner, and how it continues.

use std::time::Duration;

use async_nats::jetstream::stream::{self, DiscardPolicy};
use rekindle_nats::sink::{CommitterClosed, MessageKind};
use rekindle_runtime::output::batch::OutputItem;
use rekindle_settings::OutputSettings as Settings;

use super::outputs::{self, plan};
use super::{PublishMode, RunningSink, output_stream, outputs_of, prepared, progress, published};

#[tokio::test]
async fn a_takeover_ends_the_former_owner_and_continues_its_ordinals() {
    let (server, context) = prepared().await;
    let first = RunningSink::start(&server, Settings::default()).await;
    first.send(outputs::group(&plan(), 0, 7, vec![outputs::transition("u", 0)], vec![])).await;
    while first.status.figures().committed_sequence < 7 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let found = progress(&context).await;
    assert_eq!((found.epoch, found.ordinal, found.committed.sequence, found.committed.open), (1, 1, 7, None));
    let second = RunningSink::start(&server, Settings::default()).await;
    while progress(&context).await.epoch < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // The first knows nothing of it until it has something to say.
    first.send(outputs::group(&plan(), 7, 8, vec![outputs::transition("u", 1)], vec![])).await;
    let ended = tokio::time::timeout(Duration::from_secs(20), first.task).await.expect("it ends").expect("no panic");
    let Err(CommitterClosed::TakenOver { epoch: 2, own_epoch: 1, .. }) = ended else { panic!("{ended:?}") };
    second.send(outputs::group(&plan(), 7, 8, vec![outputs::transition("u", 1)], vec![])).await;
    second.finish().await;
    assert_eq!(published(&context).await, [0, 1]);
    assert_eq!(progress(&context).await.ordinal, 2);
}

/// Whenever the process dies, the last record says what of a large group is published, by every transport.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partly_published_group_is_open_and_is_continued() {
    for mode in PublishMode::ALL {
        let (server, context) = prepared().await;
        context.delete_stream("REKINDLE").await.expect("deleted");
        context.create_stream(mode.stream()).await.expect("created");
        let all = || (0..20_000).map(|number| outputs::transition(&format!("u{}", number % 10), number));
        let mut interruptions = 0;
        let mut out = 0;
        while out < 20_000 {
            // The stream has room for 6,000 messages more, so the sink is in the middle of the group when it dies.
            let is_last = out + 6_000 > 20_000;
            let max_messages = if is_last { -1 } else { messages(&context).await + 6_000 };
            let stream = stream::Config { max_messages, discard: DiscardPolicy::New, ..mode.stream() };
            context.update_stream(stream).await.expect("updated");
            let sink = RunningSink::start(&server, mode.settings()).await;
            let mut group = outputs::group(&plan(), 0, 9, all().collect(), vec![]);
            let OutputItem::Batch(output_batch) = &mut group else { unreachable!("a group is one") };
            if let Some(open) = sink.took_over().await.open {
                output_batch.before.open = Some(open);
                output_batch.outputs.drain(..usize::try_from(open.sent).expect("small"));
                output_batch.messages_published = open.messages;
            }
            sink.send(group).await;
            if is_last {
                while outputs_of(&context).await.len() < 20_000 {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            } else {
                sink.fails_with("the stream is full or out of storage").await;
                interruptions += 1;
            }
            sink.task.abort();
            let _ = sink.task.await;
            out = outputs_of(&context).await.len();
        }
        assert!(interruptions > 2, "it was interrupted {interruptions} times");
        assert_eq!(published(&context).await, (0..20_000).collect::<Vec<_>>(), "{mode:?}");
    }
}

#[tokio::test]
async fn a_stream_deleted_and_created_again_gets_what_comes_after_it() {
    let (server, context) = prepared().await;
    let sink = RunningSink::start(&server, Settings::default()).await;
    sink.send(outputs::output_item(&plan(), vec![outputs::transition("u", 0), outputs::transition("u", 1)], vec![]))
        .await;
    while sink.status.figures().published[MessageKind::Transition as usize] < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    context.delete_stream("REKINDLE").await.expect("deleted");
    sink.send(outputs::output_item(&plan(), vec![outputs::transition("u", 2), outputs::transition("u", 3)], vec![]))
        .await;
    sink.fails_with("there is no stream REKINDLE on this server").await;
    context.create_stream(output_stream()).await.expect("created");
    sink.finish().await;
    assert_eq!(published(&context).await, [2, 3]);
}

/// The number of messages in the output stream.
async fn messages(context: &async_nats::jetstream::Context) -> i64 {
    let mut stream = context.get_stream("REKINDLE").await.expect("it is there");
    i64::try_from(stream.info().await.expect("an answer").state.messages).expect("few")
}
