//! What conditions say, function by function and boundary by boundary.

mod comparisons;
mod functions;
mod numbers;
mod outlook;
mod seen;
mod sets;
mod windows;
