//! A replay that dies and is started again writes the bytes of one that did not: stopped between any two blocks, killed at
//! any moment, with its newest commit damaged. A replay with other arguments is refused.

#[cfg(target_os = "linux")]
mod folder;
mod interrupted;
#[cfg(unix)]
mod killed;
mod world;
