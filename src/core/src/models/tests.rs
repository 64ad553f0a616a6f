//! Vectors from the papers and of an independent computation with 60 digits.
