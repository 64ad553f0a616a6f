//! The console in a real browser, with a daemon that has taken in a simulated shop; and whether `dist/` is what comes of its
//! sources. Where there is no node, no chromium or no npm registry, tests are ignored and say so.

mod sources;
mod visits;

use rekindle_test_kit::optional;

fn main() {
    optional::run([sources::trials(), visits::trials()].into_iter().flatten().collect());
}
