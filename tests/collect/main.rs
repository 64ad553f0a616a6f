//! `rekindle collect`: what it answers, and that nothing is lost and nothing counts twice.

mod answers;
mod broker;
mod callbacks;
mod harness;
mod mapped;
mod sdks;
mod webhooks;
