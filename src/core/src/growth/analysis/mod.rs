//! Models over the growth numbers: trends and anomalies, the pace of targets, why a metric changed, what is bought together.
//! Pure: functions of the numbers, and of [observed events](super::ObservedEvent) where the numbers do not suffice.
//!
//! Doubles occur only in results; every sum that is kept is one of whole numbers. A model that needs a history reports how
//! much of it is missing (*warm-up*) instead of guessing.

pub mod basket_counter;
pub mod baskets;
mod bounded_counts;
mod day_window;
pub mod decomposition;
pub mod explain;
pub mod headline;
mod headline_words;
pub mod key_figures;
pub mod outlook;
mod robust;
mod sales_log;
pub mod series;
pub mod target_pace;
pub mod trend;

pub use basket_counter::{AssociationThresholds, BasketCounter, BasketReport};
pub use day_window::{DayWindow, DayWindowError};
pub use explain::{Explanation, explain};
pub use headline::{GrowthHeadline, HeadlineMetric, WeekComparison};
pub use key_figures::{FigureUnit, KeyFigure, key_figures};
pub use outlook::{CurrentTrend, GrowthOutlook, GrowthReport, TargetOutlook};
pub use sales_log::{AttributedSale, SalesLog};
pub use series::{HourlyMetric, HourlySeries};
pub use target_pace::{TargetPace, TargetStatus};
pub use trend::{HourAssessment, HourTrend, UnusualHour, UnusualHours};
