//! A second reading of calls, slow and made apart from the decoder: it must accept, reject and read alike.

pub mod decimal;
pub mod lenient;
pub mod reading;
pub mod structure;
pub mod text;
pub mod verdict;
