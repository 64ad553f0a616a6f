//! Parses the command line, runs one command, prints its error once.

fn main() {}
