//! Stored checkpoints from outside: in a bucket, of the first format, by the command that looks at them, and those with which
//! `replay` resumes.

mod bucket;
mod command;
mod first_format;
mod growth_form_1;
mod keeper;
mod replay;
