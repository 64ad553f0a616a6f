//! A replay that dies and is started again comes to the bytes of one that did not: stopped between any two blocks, killed
//! at any moment, with its newest commit damaged. And what is not the same replay is refused.

#[cfg(target_os = "linux")]
mod folder;
mod interrupted;
#[cfg(unix)]
mod killed;
mod world;
