//! Tests that need something a machine may lack: they are then *ignored*, and reported so with the reason; with
//! `REKINDLE_OPTIONAL_REQUIRED` set they fail. Whether it is there shows only as the tests run, which the usual harness has no
//! word for: hence `libtest-mimic`.

use libtest_mimic::Trial;

/// A test that needs this; ignored where it can't be had.
pub fn trial<T: Send + 'static>(
    name: impl Into<String>,
    needs: Result<T, String>,
    test: impl FnOnce(T) + Send + 'static,
) -> Trial {
    match needs {
        Ok(needed) => Trial::test(name, move || {
            test(needed);
            Ok(())
        }),
        Err(why) if std::env::var_os("REKINDLE_OPTIONAL_REQUIRED").is_some() => {
            Trial::test(name, move || Err(why.into()))
        }
        Err(why) => Trial::test(name, || Ok(())).with_kind(why).with_ignored_flag(true),
    }
}

/// Runs the tests that the command line asks for, and ends the process.
pub fn run(trials: Vec<Trial>) -> ! {
    libtest_mimic::run(&libtest_mimic::Arguments::from_args(), trials).exit()
}
