//! Where results go: files and standard output now.

pub mod dead_letter;
pub mod file;
