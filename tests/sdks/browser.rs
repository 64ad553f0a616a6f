//! A headless Chromium, driven by a script of node's.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};

use rekindle_test_kit::{npm, repository};

const DRIVER: &str = "playwright-core@1.65.1";

/// What a browser needs: Chromium, and the folder of the package that drives it.
#[derive(Clone, Debug)]
pub(crate) struct Browser {
    chromium: PathBuf,
    modules: PathBuf,
}

/// A page that stays open until it is left.
pub(crate) struct HeldPage {
    child: Child,
    stdin: Option<ChildStdin>,
}

impl Browser {
    /// Finds it, and fetches the driver.
    pub(crate) fn find() -> Result<Browser, String> {
        Ok(Browser { chromium: npm::chromium()?, modules: npm::modules("browser", &[DRIVER])? })
    }

    /// Opens a page, does what is said on it (see the script), and stays.
    pub(crate) fn hold(&self, url: &str, steps: &[&str]) -> HeldPage {
        let mut node = Command::new("node");
        node.arg(repository().join("tests/sdks/browse.mjs")).arg(&self.modules).arg(&self.chromium).arg(url);
        node.args(steps).arg("hold").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = node.spawn().expect("node runs");
        let stdin = child.stdin.take();
        let mut output = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut said = String::new();
        while !said.ends_with("held\n") {
            if output.read_line(&mut said).expect("a line") == 0 {
                let mut errors = String::new();
                let _ = child.stderr.take().map(|mut stderr| stderr.read_to_string(&mut errors));
                panic!("the page did not do {steps:?}: {said}{errors}");
            }
        }
        // What it says from now on is not read, and must not stop it.
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        HeldPage { child, stdin }
    }
}

impl HeldPage {
    /// Leaves it.
    pub(crate) fn leave(mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}

impl Drop for HeldPage {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}
