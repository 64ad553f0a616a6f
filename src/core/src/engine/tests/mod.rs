//! What conditions say, function by function and boundary by boundary.

mod calendar;
mod comparisons;
mod functions;
mod naive_history;
mod numbers;
mod outlook;
mod seen;
mod sets;
mod windows;
