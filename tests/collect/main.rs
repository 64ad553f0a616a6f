//! `rekindle collect`: what it answers, and that nothing is lost and nothing counts twice.

mod answers;
mod broker;
mod harness;
mod sdks;
mod webhooks;
