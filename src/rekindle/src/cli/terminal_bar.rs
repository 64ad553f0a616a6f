//! The bar that shows how much of the files is read, where standard error is a terminal.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Hidden unless standard error is a terminal.
pub(super) fn bar(is_quiet: bool, bytes_total: Option<u64>) -> ProgressBar {
    if is_quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = match bytes_total {
        Some(total) => ProgressBar::new(total)
            .with_style(style("{bar:40} {bytes} of {total_bytes}, {binary_bytes_per_sec}, {eta} left")),
        None => ProgressBar::new_spinner().with_style(style("{spinner} {bytes}, {binary_bytes_per_sec}")),
    };
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
