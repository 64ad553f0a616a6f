#!/usr/bin/env bash
# Prints the licences of all that is linked into the binary or embedded in it: a distribution must have their texts. It needs
# cargo-about (`cargo install cargo-about --locked --features cli`), which reads them from the crates' sources.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo about generate --locked --fail --config config/third-party.toml --manifest-path src/rekindle/Cargo.toml config/third-party.hbs
cat src/console/dist/LICENSES.txt
printf '\n----\n\nReports contain Apache ECharts 5.6.0.\n\n'
cat src/rekindle/src/cli/growth/report_page/echarts.NOTICE src/rekindle/src/cli/growth/report_page/echarts.LICENSE
