//! The sizes as a chart: four panels over the number of users, all with logarithmic scales.

use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;

use super::report::{ScaleReport, SizeResult};
use crate::error::Error;

/// Of the whole picture, in pixels.
const SIZE: (u32, u32) = (1_080, 780);
/// Lines of a panel, in the order of their colours.
const COLOURS: [RGBColor; 3] = [RGBColor(0x1b, 0x6c, 0xa8), RGBColor(0xd9, 0x5f, 0x02), RGBColor(0x2a, 0x9d, 0x5c)];

/// How wide they are, so that one on top of another hides nothing.
const WIDTHS: [u32; 3] = [6, 4, 2];
/// The part of a panel's height below the legend.
const LEGEND_FROM: f64 = 0.72;

/// A value of each size.
type SizeValue = fn(&SizeResult) -> f64;

/// A panel: its title with the unit, and its lines.
struct Panel {
    title: &'static str,
    lines: &'static [(&'static str, SizeValue)],
}

const PANELS: [Panel; 4] = [
    Panel {
        title: "Throughput (events per second)",
        lines: &[
            ("decode and engine", |size| size.measured.events_per_second),
            ("live engine", |size| size.measured.checkpoint.events_per_second),
        ],
    },
    Panel {
        title: "Memory (MiB resident)",
        lines: &[
            ("users", |size| mib(size.measured.resident_bytes)),
            ("with the membership view", |size| mib(size.measured.live_resident_bytes)),
            ("peak under load", |size| mib(size.measured.peak_bytes)),
        ],
    },
    Panel {
        title: "Pause for a checkpoint (ms)",
        lines: &[
            ("p50", |size| size.measured.checkpoint.pauses.p50_ms),
            ("p99", |size| size.measured.checkpoint.pauses.p99_ms),
            ("max", |size| size.measured.checkpoint.pauses.max_ms),
        ],
    },
    Panel {
        title: "Recovery (seconds)",
        lines: &[
            ("until read", |size| size.recovered.read_seconds),
            ("until in place", |size| size.recovered.restored_seconds),
            ("until an event is taken", |size| size.recovered.seconds),
        ],
    },
];

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Draws it into a file.
pub(super) fn draw(report: &ScaleReport, path: &Path) -> Result<(), Error> {
    let failed = |why: String| Error::Unreadable(format!("could not draw {}: {why}", path.display()));
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        root.fill(&WHITE).map_err(|error| failed(error.to_string()))?;
        let what = format!(
            "{} % of the users are active; a checkpoint every {} s",
            report.active_percent, report.interval_seconds
        );
        let root = root.titled(&what, ("sans-serif", 15)).map_err(|error| failed(error.to_string()))?;
        for (area, panel) in root.split_evenly((2, 2)).iter().zip(&PANELS) {
            draw_panel(area, panel, &report.sizes).map_err(|error| failed(error.to_string()))?;
        }
        root.present().map_err(|error| failed(error.to_string()))?;
    }
    std::fs::write(path, svg).map_err(Error::file("write", path))
}

type PlotArea<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type PlotResult = Result<(), Box<dyn std::error::Error>>;

fn draw_panel(area: &PlotArea<'_>, panel: &Panel, sizes: &[SizeResult]) -> PlotResult {
    let users = |size: &SizeResult| size.measured.users as f64;
    let numbers = || sizes.iter().map(users);
    let (first, last) = (numbers().fold(f64::INFINITY, f64::min) / 1.4, numbers().fold(0.0, f64::max) * 1.4);
    let values = panel.lines.iter().flat_map(|(_, value)| sizes.iter().map(value));
    let (least, most) = bounds(values);
    let mut chart = ChartBuilder::on(area)
        .margin(14)
        .caption(panel.title, ("sans-serif", 19))
        .x_label_area_size(44)
        .y_label_area_size(74)
        .build_cartesian_2d((first..last).log_scale(), (least..most).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("users")
        .x_labels(8)
        .y_labels(8)
        .x_label_formatter(&|users| short(*users))
        .y_label_formatter(&|value| short(*value))
        .label_style(("sans-serif", 14))
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.18))
        .draw()?;
    for ((name, value), (colour, width)) in panel.lines.iter().zip(COLOURS.into_iter().zip(WIDTHS)) {
        let points = || sizes.iter().map(|size| (users(size), value(size))).filter(|(_, value)| *value > 0.0);
        chart
            .draw_series(LineSeries::new(points(), colour.stroke_width(width)))?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(width)));
        chart.draw_series(points().map(|point| Circle::new(point, 4, colour.filled())))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .label_font(("sans-serif", 14))
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.25))
        .draw()?;
    Ok(())
}

/// From the power of ten below all of them to where the highest leaves room for the legend: a decade at least.
fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
    for value in values.filter(|value| value.is_finite() && *value > 0.0) {
        (least, most) = (least.min(value), most.max(value));
    }
    if least > most {
        return (1.0, 10.0);
    }
    // A little below, or rounding may leave out its label.
    let low = (least.log10() + 1e-9).floor() - 0.01;
    let high = low + ((most.log10() - low) / LEGEND_FROM).max(1.0);
    (10_f64.powf(low), 10_f64.powf(high))
}

/// 20 k, 1.5 M, 0.01.
fn short(number: f64) -> String {
    let (scaled, unit) = match number {
        _ if number >= 1e9 => (number / 1e9, " G"),
        _ if number >= 1e6 => (number / 1e6, " M"),
        _ if number >= 1e3 => (number / 1e3, " k"),
        _ => (number, ""),
    };
    // Six digits are more than a scale of powers of ten needs, and hide what computing adds.
    let text = format!("{scaled:.6}");
    format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_begin_at_a_power_of_ten_and_leave_room_above() {
        for (least, most, begins) in [(3.0, 450.0, 1.0), (20.0, 20.0, 10.0), (0.01, 0.02, 0.01)] {
            let (low, high) = bounds([least, most].into_iter());
            assert!(low < begins && begins / low < 1.1, "{low}");
            assert!(high >= 9.9 * low && high > most * 1.2, "{high}");
        }
        assert_eq!(bounds([f64::NAN, 0.0].into_iter()), (1.0, 10.0));
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([10_000.0, 1e7, 0.01, 1.0, 20.0].map(short), ["10 k", "10 M", "0.01", "1", "20"]);
    }
}
