//! Checkpoints that are kept, in a folder and on a disk that fails: what is there afterwards is right.

mod damage;
mod disk;
mod faults;
mod fence;
mod past;
mod stored_pipeline;
mod versions;
