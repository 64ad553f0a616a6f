//! Stored checkpoints from outside: in a bucket, of the first format, and by the command that looks at them.

#[path = "../pypi/mod.rs"]
mod pypi;
#[path = "../s3_server/mod.rs"]
mod s3_server;

mod bucket;
mod command;
mod first_format;
mod growth_form_1;
mod keeper;
