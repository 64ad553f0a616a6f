//! The commands of the binary, as a user runs them.

mod actions;
mod backtest;
mod bad_input;
mod cookbook;
mod demo;
mod docs;
mod explain;
mod faults;
mod fit;
mod growth_budgets;
mod growth_commands;
mod growth_items;
mod growth_report;
mod growth_uplift;
mod history;
mod import;
mod import_products;
mod init;
mod packaging;
mod partners;
mod picks;
mod secret;
mod settings;
mod simulate;
mod starter_pack;
mod tutorials;
