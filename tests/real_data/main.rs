//! Real clickstreams: replayed, through NATS, and their growth numbers. Where the data lies, and what becomes of tests
//! whose data is not there, is described in `data_sets` of the test kit.

use rekindle_test_kit::optional;

mod daemon;
mod expected;
mod explain;
mod growth;
mod models;
mod picks;
mod replay;
mod run;
mod uplift;

fn main() {
    let trials = [
        replay::trials(),
        growth::trials(),
        daemon::trials(),
        models::trials(),
        picks::trials(),
        uplift::trials(),
        explain::trials(),
    ];
    optional::run(trials.into_iter().flatten().collect());
}
