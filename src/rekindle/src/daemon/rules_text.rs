//! Reading the rules file: it is used only when it has stopped changing, since it may be incomplete.

use std::io;
use std::path::Path;
use std::time::Duration;

use crate::reload::ReloadError;

/// How long a file must stay unchanged.
const SETTLED_AFTER: Duration = Duration::from_millis(200);
/// How often it is read before the reload is refused.
const READS_MAX: u32 = 25;

/// The text of the rules file, once it has stopped changing.
pub(super) async fn read_rules_file(path: &Path) -> Result<String, ReloadError> {
    read_settled(path, || read(path), SETTLED_AFTER).await
}

/// Reads until two reads agree: the file may be incomplete, or about to be replaced.
async fn read_settled<R>(path: &Path, mut read: impl FnMut() -> R, pause: Duration) -> Result<String, ReloadError>
where
    R: Future<Output = io::Result<String>>,
{
    let mut last = read().await;
    for _ in 1..READS_MAX {
        tokio::time::sleep(pause).await;
        let next = read().await;
        let is_settled = match (&last, &next) {
            (Ok(last), Ok(next)) => last == next,
            (Err(last), Err(next)) => last.kind() == next.kind(),
            _ => false,
        };
        if is_settled {
            return next.map_err(|source| ReloadError::Unreadable { path: path.to_owned(), source });
        }
        last = next;
    }
    Err(ReloadError::Unsettled { path: path.to_owned(), reads: READS_MAX })
}

/// Reads on a thread of its own, so that a slow disk delays nothing else.
async fn read(path: &Path) -> io::Result<String> {
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || std::fs::read_to_string(path)).await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The result for a file with these contents, one read after another, and how often it was read.
    async fn read_of(mut reads: impl Iterator<Item = io::Result<String>>) -> (Result<String, ReloadError>, u32) {
        let mut count = 0;
        let read = || {
            count += 1;
            std::future::ready(reads.next().expect("there were fewer reads"))
        };
        (read_settled(Path::new("rules.toml"), read, Duration::ZERO).await, count)
    }

    #[tokio::test]
    async fn a_file_is_read_until_it_stops_changing() {
        let texts = ["", "[events", "[events]\nview = 'View'\n", "[events]\nview = 'View'\n", "never read"];
        let (text, count) = read_of(texts.map(|text| Ok(text.to_owned())).into_iter()).await;
        assert_eq!((text.expect("it is settled").as_str(), count), (texts[2], 4));
        // An editor takes the file away before it puts another there.
        let gone = || Err(io::Error::from(io::ErrorKind::NotFound));
        let replaced = [Ok("old".to_owned()), gone(), Ok("new".to_owned()), Ok("new".to_owned())];
        assert_eq!(read_of(replaced.into_iter()).await.0.expect("it is settled"), "new");
        let (missing, count) = read_of([gone(), gone()].into_iter()).await;
        assert!(matches!(missing, Err(ReloadError::Unreadable { .. })) && count == 2, "{missing:?}");
    }

    #[tokio::test]
    async fn a_file_that_keeps_changing_is_refused() {
        let (given_up, count) = read_of((0..).map(|number| Ok(format!("# {number}")))).await;
        assert!(matches!(given_up, Err(ReloadError::Unsettled { .. })), "{given_up:?}");
        assert_eq!(count, READS_MAX);
    }
}
