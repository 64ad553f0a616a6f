//! Bad input, through the real binary: whatever is in the events, the rules or the files, there is a counted rejection
//! or one message that says what to do; never a panic, and never a result that looks whole and is not.

mod batches;
mod clients;
mod command;
mod compressed;
mod dead_letters;
mod fields;
mod ids;
mod json;
mod large;
mod outputs;
mod rules;
mod sources;
mod storm;
mod times;
