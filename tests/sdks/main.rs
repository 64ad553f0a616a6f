//! Websites and servers of shops as they are: the vendors' own SDKs under node and in a browser, and the README's way from
//! nothing to a webhook. Where there is no node, no chromium or no npm registry, tests are ignored and say so.

mod browser;
mod faulty_proxy;
mod node;
mod pages;
mod readme;
mod shop;
mod website;

use rekindle_test_kit::optional;

fn main() {
    optional::run([readme::trials(), node::trials(), pages::trials()].into_iter().flatten().collect());
}
