//! Opens a page in the browser, where somebody sits before one.

use std::env;
use std::io::IsTerminal as _;
use std::process::{Command, Stdio};

/// Opens an address in the browser, if there is a desktop and the program was started from a terminal. Whether that works does not
/// matter: the address is printed, too.
pub(super) fn open(address: &str) {
    let Some((program, arguments)) = opener().filter(|_| std::io::stdout().is_terminal()) else { return };
    let mut command = Command::new(program);
    command.args(arguments).arg(address).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let _ = command.spawn();
}

/// The program that opens addresses, with what stands before the address.
fn opener() -> Option<(&'static str, &'static [&'static str])> {
    if cfg!(target_os = "macos") {
        return Some(("open", &[]));
    }
    if cfg!(windows) {
        return Some(("cmd", &["/C", "start", ""]));
    }
    let has_desktop =
        ["WAYLAND_DISPLAY", "DISPLAY"].iter().any(|name| env::var_os(name).is_some_and(|it| !it.is_empty()));
    has_desktop.then_some(("xdg-open", &[]))
}
