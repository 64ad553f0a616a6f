//! The committed files are what the build makes of the sources, and what needs no browser.

use std::process::Command;

use libtest_mimic::Trial;
use rekindle_test_kit::{npm, optional, repository};

pub(crate) fn trials() -> Vec<Trial> {
    let console = repository().join("src/console");
    vec![
        optional::trial("dist_is_what_comes_of_the_sources", npm::locked("console", &console), |folder| {
            // The copy of the folder beside its packages: nothing is written into the repository.
            let output = Command::new("node").args(["build.mjs", "--check"]).current_dir(folder).output();
            let output = output.expect("node runs");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }),
        optional::trial("forms_write_conditions_and_read_them_back", npm::node(), |()| {
            let (script, rules) =
                (repository().join("tests/console/forms.mjs"), repository().join("config/rules.toml"));
            let output = Command::new("node").arg(script).arg(rules).output().expect("node runs");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }),
    ]
}
