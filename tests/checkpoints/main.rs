//! Stored checkpoints from outside: in a bucket, of formats of former versions, with the command `checkpoint`, and those with which
//! `replay` resumes.

mod bucket;
mod command;
mod first_format;
mod format_4;
mod growth_form_1;
mod replay;
mod stored_pipeline;
