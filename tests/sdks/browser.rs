//! A headless Chromium, driven by a script of node's.

use std::path::PathBuf;
use std::process::{Command, Output};

use rekindle_test_kit::{npm, repository};

const DRIVER: &str = "playwright-core@1.65.1";

/// What a browser needs: Chromium, and the folder of the package that drives it.
#[derive(Clone, Debug)]
pub(crate) struct Browser {
    chromium: PathBuf,
    modules: PathBuf,
}

impl Browser {
    /// Finds it, and fetches the driver.
    pub(crate) fn find() -> Result<Browser, String> {
        Ok(Browser { chromium: npm::chromium()?, modules: npm::modules("browser", &[DRIVER])? })
    }

    /// Opens a page and does what is said on it (see the script); the script's output.
    pub(crate) fn open(&self, url: &str, steps: &[&str]) -> Output {
        let mut node = Command::new("node");
        node.arg(repository().join("tests/sdks/browse.mjs")).arg(&self.modules).arg(&self.chromium).arg(url);
        node.args(steps).output().expect("node runs")
    }
}
