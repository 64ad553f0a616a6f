//! The streams and subjects of a measurement: its own, so that nothing else on the server is touched.

use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::stream::Config;

use crate::error::Error;
use crate::streams;

/// The stream of events.
pub(super) const EVENTS: &str = "LOADTEST_EVENTS";
/// The subject of events.
pub(super) const EVENTS_SUBJECT: &str = "loadtest.events.shop";
/// The stream of outputs.
pub(super) const OUTPUTS: &str = "LOADTEST_OUTPUTS";
/// The subject of actions.
pub(super) const ACTIONS: &str = "loadtest.out.actions.>";
/// The subject of the output that shows that the backlog was processed.
pub(super) const THE_END: &str = "loadtest.out.segments.the_end.enter";
/// The stream of the echo.
pub(super) const ECHO: &str = "LOADTEST_ECHO";
/// The subject of the echo.
pub(super) const ECHO_SUBJECT: &str = "loadtest.echo";

const ALL: [&str; 4] = [EVENTS, OUTPUTS, "LOADTEST_OUTPUTS_DEAD", ECHO];

/// The daemon's settings. Time comes from the events only, so that the expected outputs are known.
pub(super) fn settings(server: &str) -> String {
    format!(
        "[engine]\nrules = 'rules.toml'\nclock = 'events'\n\
         [nats]\nservers = ['{server}']\n\
         [source]\ncreate = true\nstream = '{EVENTS}'\nsubjects = ['loadtest.events.>']\n\
         tick_subject = 'loadtest.tick'\nforget_subject = 'loadtest.forget'\n\
         [output]\ncreate = true\nprefix = 'loadtest.out'\nstream = '{OUTPUTS}'\ndead_stream = 'LOADTEST_OUTPUTS_DEAD'\n\
         [http]\nlisten = '127.0.0.1:0'\n[shutdown]\ndeadline = '60s'\n[log]\nformat = 'json'\n"
    )
}

/// Connects.
pub(super) async fn connect(urls: &[String]) -> Result<Context, Error> {
    let mut context = streams::connect(urls, "loadtest").await?;
    context.set_timeout(Duration::from_secs(30));
    Ok(context)
}

/// Fails if another measurement is running.
pub(super) async fn refuse_existing(context: &Context) -> Result<(), Error> {
    for name in ALL {
        if streams::info(context, name).await.is_some() {
            return Err(Error::Unreadable(format!(
                "there is a stream {name} already: another measurement runs on that server, or one was interrupted \
                 (nats stream rm {name})"
            )));
        }
    }
    Ok(())
}

/// Creates the streams of events and of the echo; the daemon creates its own.
pub(super) async fn create(context: &Context) -> Result<(), Error> {
    let subjects = ["loadtest.events.>", "loadtest.tick", "loadtest.forget"].map(str::to_owned);
    for (name, subjects) in [(EVENTS, subjects.to_vec()), (ECHO, vec![ECHO_SUBJECT.to_owned()])] {
        let config = Config { name: name.to_owned(), subjects, ..Config::default() };
        let made = context.create_stream(config).await;
        made.map_err(|error| Error::nats(format!("make stream {name}"))(error.into()))?;
    }
    Ok(())
}

/// Deletes all of them.
pub(super) async fn delete(context: &Context) {
    for name in ALL {
        // One that never was is as good as one that is gone.
        let _ = context.delete_stream(name).await;
    }
}
