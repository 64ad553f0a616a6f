//! Batches of calls of a simulated storefront, prepared once. Only the ids of calls are written when one is sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use crate::nats::events::NumberedEvents;

/// Shoppers of the storefront.
const SHOPPERS: u32 = 10_000;
/// How many different calls there are.
const CALLS: u64 = 20_000;
/// What every call begins with.
const BEFORE_ID: &[u8] = b"{\"messageId\":\"";
/// Digits of an id: every call is as long whatever its number.
const DIGITS: usize = 16;
/// The write key of the settings.
pub(super) const WRITE_KEY: &str = "loadtest";

/// What a request carries.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchShape {
    pub(super) calls: u32,
}

/// Prepared batches, and the numbers of calls that were used. Clones share both.
#[derive(Clone)]
pub(super) struct BatchPool {
    pub(super) shape: BatchShape,
    batches: Arc<Vec<PreparedBatch>>,
    next: Arc<AtomicU64>,
}

/// A batch as a request, and as the calls that it carries.
struct PreparedBatch {
    request: Vec<u8>,
    /// Where in the request the ids stand.
    ids: Vec<usize>,
    calls: Vec<Bytes>,
}

/// A batch whose calls have numbers of their own.
pub(super) struct NumberedBatch<'a> {
    batch: &'a PreparedBatch,
    /// The number of its first call.
    pub(super) first: u64,
}

impl BatchPool {
    /// Batches of a storefront's calls.
    pub(super) fn of_storefront(shape: BatchShape) -> BatchPool {
        let calls: Vec<Bytes> =
            NumberedEvents::open(SHOPPERS).take(CALLS).iter().map(|line| with_wide_id(line)).collect();
        let size = usize::try_from(shape.calls).unwrap_or(usize::MAX);
        let batches = calls.chunks_exact(size).map(PreparedBatch::new).collect();
        BatchPool { shape, batches: Arc::new(batches), next: Arc::default() }
    }

    /// The next batch. Its calls have numbers that no other's have.
    pub(super) fn next(&self) -> NumberedBatch<'_> {
        let first = self.next.fetch_add(u64::from(self.shape.calls), Ordering::Relaxed);
        let index = (first / u64::from(self.shape.calls)) % self.batches.len() as u64;
        NumberedBatch { batch: &self.batches[usize::try_from(index).unwrap_or(0)], first }
    }

    /// The number of the next call.
    pub(super) fn next_number(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }

    /// Numbers begin from there.
    pub(super) fn begin_at(&self, number: u64) {
        self.next.store(number, Ordering::Relaxed);
    }
}

impl PreparedBatch {
    fn new(calls: &[Bytes]) -> PreparedBatch {
        let (path, body) = match calls {
            [one] => ("/v1/track", one.to_vec()),
            calls => {
                let calls = calls.join(&[b','][..]);
                let around = [&b"{\"batch\":["[..], &calls, b"],\"sentAt\":\"2026-01-01T00:00:00.000Z\"}"];
                ("/v1/batch", around.concat())
            }
        };
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: loadtest\r\nX-Write-Key: {WRITE_KEY}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        let request = [head.as_bytes(), &body].concat();
        let ids = memchr::memmem::find_iter(&request, BEFORE_ID).map(|at| at + BEFORE_ID.len()).collect();
        PreparedBatch { request, ids, calls: calls.to_vec() }
    }
}

impl NumberedBatch<'_> {
    /// The request.
    pub(super) fn request(&self, into: &mut Vec<u8>) {
        into.clear();
        into.extend_from_slice(&self.batch.request);
        for (number, at) in (self.first..).zip(&self.batch.ids) {
            into[*at..*at + DIGITS].copy_from_slice(id(number).as_bytes());
        }
    }

    /// Each call, and its id.
    pub(super) fn calls(&self) -> impl Iterator<Item = (String, Bytes)> + '_ {
        (self.first..).zip(&self.batch.calls).map(|(number, call)| {
            let (id, mut call) = (id(number), call.to_vec());
            call[BEFORE_ID.len()..BEFORE_ID.len() + DIGITS].copy_from_slice(id.as_bytes());
            (id, call.into())
        })
    }
}

fn id(number: u64) -> String {
    format!("{number:0DIGITS$}")
}

fn with_wide_id(line: &[u8]) -> Bytes {
    let rest = &line[BEFORE_ID.len()..];
    let end = memchr::memchr(b'"', rest).unwrap_or(0);
    [BEFORE_ID, id(0).as_bytes(), &rest[end..]].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nats::events::number_of;

    #[test]
    fn calls_of_a_batch_have_their_numbers_in_the_request_and_by_themselves() {
        let pool = BatchPool::of_storefront(BatchShape { calls: 3 });
        let _ = pool.next();
        let batch = pool.next();
        let mut request = Vec::new();
        batch.request(&mut request);
        let (head, body) = std::str::from_utf8(&request).expect("text").split_once("\r\n\r\n").expect("a body");
        assert!(head.ends_with(&format!("Content-Length: {}", body.len())), "{head}");
        let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
        let calls: Vec<_> = batch.calls().collect();
        for (index, (id, call)) in calls.iter().enumerate() {
            assert_eq!((number_of(call), id.parse()), (Some(3 + index as u64), Ok(3 + index as u64)));
            assert_eq!(body["batch"][index], serde_json::from_slice::<serde_json::Value>(call).expect("JSON"));
        }
        assert_eq!((calls.len(), pool.next_number()), (3, 6));
    }
}
