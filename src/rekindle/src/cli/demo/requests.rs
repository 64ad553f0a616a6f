//! What is asked for about shoppers of the demo, which the next step takes in.

use std::sync::{Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::api::{ConsentChange, LoggedPosition, NotLogged, UserRequests};

/// Requests that wait for the next step.
#[derive(Debug, Default)]
pub(super) struct DemoRequests {
    waiting: Mutex<AskedOfDemo>,
}

/// What was asked for since the last step.
#[derive(Debug, Default)]
pub(super) struct AskedOfDemo {
    /// What shoppers consent to.
    pub(super) consents: Vec<ConsentChange>,
    /// The lines of requests to forget.
    pub(super) forget: Vec<u8>,
}

impl DemoRequests {
    pub(super) fn take(&self) -> AskedOfDemo {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, add: impl FnOnce(&mut AskedOfDemo)) -> BoxFuture<'_, Result<LoggedPosition, NotLogged>> {
        add(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        async { Ok(LoggedPosition { sequence: None }) }.boxed()
    }
}

impl UserRequests for DemoRequests {
    fn forget(&self, user: &str) -> BoxFuture<'_, Result<LoggedPosition, NotLogged>> {
        let line = format!("{}\n", serde_json::json!({ "user": user }));
        self.add(|asked| asked.forget.extend_from_slice(line.as_bytes()))
    }

    fn consent(&self, said: ConsentChange) -> BoxFuture<'_, Result<LoggedPosition, NotLogged>> {
        self.add(|asked| asked.consents.push(said))
    }
}
