//! Stored checkpoints from outside: in a bucket, of the first format, with the command `checkpoint`, and those with which
//! `replay` resumes.

mod bucket;
mod command;
mod first_format;
mod growth_form_1;
mod replay;
mod stored_pipeline;
