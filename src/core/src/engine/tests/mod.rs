//! What conditions say, function by function and boundary by boundary.

mod calendar;
mod comparisons;
mod dates;
mod durations;
mod functions;
mod models;
mod moving;
mod naive_history;
mod numbers;
mod outlook;
mod seen;
mod sets;
mod windows;
