//! A collector as a process: shared with the tests of SDKs.

pub(crate) use rekindle_test_kit::daemon::collector::{
    BOUND, KEYS, LIMITED, RawAnswer, SHOP, TestCollector, WEB, events, messages, setup,
};
