//! The HTTP API, the metrics page, and the dashboards that are made of it.

mod api;
mod api_schemathesis;
mod api_server;
mod dashboard_schema;
mod first_day;
mod full_page;
mod growth_series;
mod metrics;
mod past_log;
mod prometheus;
mod rules_file;
