//! The growth numbers: who came, who came back, who bought, and what it was worth. Pure.

pub mod calendar;
pub mod numbers;
