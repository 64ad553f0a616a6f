//! A simulated disk that fails, stops, and loses power.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use super::super::disk::{Disk, DiskFile};

/// What happens at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The step fails; later ones do not.
    Fails,
    /// A write is only half done and fails; later ones do not.
    FailsHalfway,
    /// The step never happens, and nothing after it.
    Stops,
    /// The step happens, its result is lost, and nothing happens after it.
    StopsAfterwards,
}

/// What a loss of power leaves of names that were not synced.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unsynced {
    /// They are as they were before.
    Lost,
    /// They are as they were written; the contents of files are lost all the same.
    Kept,
}

/// A disk in memory that knows what would survive a loss of power. Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub(super) struct FaultyDisk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    names: BTreeMap<PathBuf, usize>,
    synced_names: BTreeMap<PathBuf, usize>,
    /// The contents of files by number, and the synced part.
    files: Vec<(Vec<u8>, Vec<u8>)>,
    steps: Vec<String>,
    fault: Option<(usize, Fault)>,
    stopped: bool,
}

/// What a step does.
#[derive(PartialEq, Eq)]
enum Verdict {
    Whole,
    Half,
    WholeThenError,
}

struct File {
    disk: FaultyDisk,
    number: usize,
    name: String,
}

impl FaultyDisk {
    /// Lets a fault happen at this step of those to come, counted from 0.
    pub(super) fn fail_at(&self, step: usize, fault: Fault) {
        let mut state = self.state();
        state.steps.clear();
        state.fault = Some((step, fault));
    }

    /// The steps made since faults were last arranged for.
    pub(super) fn steps(&self) -> Vec<String> {
        self.state().steps.clone()
    }

    /// The machine goes dark, and comes up again.
    pub(super) fn lose_power(&self, unsynced: Unsynced) {
        let mut state = self.state();
        state.files.iter_mut().for_each(|(content, synced)| content.clone_from(synced));
        match unsynced {
            Unsynced::Lost => state.names = state.synced_names.clone(),
            Unsynced::Kept => state.synced_names = state.names.clone(),
        }
        (state.stopped, state.fault) = (false, None);
    }

    /// The process is started again; the machine never stopped.
    pub(super) fn restart(&self) {
        let mut state = self.state();
        (state.stopped, state.fault) = (false, None);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no panic")
    }
}

impl State {
    fn step(&mut self, what: String) -> io::Result<Verdict> {
        let at = self.steps.len();
        if self.stopped {
            return Err(io::Error::other("the process has stopped"));
        }
        self.steps.push(what);
        let fails = || io::Error::from(io::ErrorKind::StorageFull);
        match self.fault {
            Some((step, fault)) if step == at => match fault {
                Fault::Fails => Err(fails()),
                Fault::FailsHalfway => Ok(Verdict::Half),
                Fault::Stops => {
                    self.stopped = true;
                    Err(fails())
                }
                Fault::StopsAfterwards => {
                    self.stopped = true;
                    Ok(Verdict::WholeThenError)
                }
            },
            _ => Ok(Verdict::Whole),
        }
    }
}

/// The end of a step that was done.
fn done<T>(verdict: Verdict, value: T) -> io::Result<T> {
    if verdict == Verdict::Whole { Ok(value) } else { Err(io::Error::from(io::ErrorKind::StorageFull)) }
}

fn missing() -> io::Error {
    io::Error::from(io::ErrorKind::NotFound)
}

impl Disk for FaultyDisk {
    fn create_folder(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        if state.names.contains_key(path) {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists));
        }
        let verdict = state.step(format!("create {}", path.display()))?;
        let number = state.files.len();
        state.files.push(Default::default());
        state.names.insert(path.to_owned(), number);
        done(verdict, Box::new(File { disk: self.clone(), number, name: path.display().to_string() }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        let verdict = state.step(format!("rename {}", from.display()))?;
        let number = state.names.remove(from).ok_or_else(missing)?;
        state.names.insert(to.to_owned(), number);
        done(verdict, ())
    }

    fn sync_folder(&self, _: &Path) -> io::Result<()> {
        let mut state = self.state();
        let verdict = state.step("sync the folder".to_owned())?;
        if verdict != Verdict::Half {
            state.synced_names = state.names.clone();
        }
        done(verdict, ())
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let state = self.state();
        if state.stopped {
            return Err(io::Error::other("the process has stopped"));
        }
        let number = *state.names.get(path).ok_or_else(missing)?;
        Ok(state.files[number].0.clone())
    }

    fn names(&self, _: &Path) -> io::Result<Vec<String>> {
        let mut state = self.state();
        let verdict = state.step("list the folder".to_owned())?;
        let names = state.names.keys().filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect();
        done(verdict, names)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        let verdict = state.step(format!("remove {}", path.display()))?;
        state.names.remove(path).ok_or_else(missing)?;
        done(verdict, ())
    }

    fn lock(&self, _: &Path) -> io::Result<Box<dyn Send>> {
        let verdict = self.state().step("lock".to_owned())?;
        done(verdict, Box::new(()))
    }
}

impl DiskFile for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.disk.state();
        let verdict = state.step(format!("write {}", self.name))?;
        let bytes = if verdict == Verdict::Half { &bytes[..bytes.len() / 2] } else { bytes };
        state.files[self.number].0.extend_from_slice(bytes);
        done(verdict, ())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.disk.state();
        let verdict = state.step(format!("sync {}", self.name))?;
        if verdict != Verdict::Half {
            let content = state.files[self.number].0.clone();
            state.files[self.number].1 = content;
        }
        done(verdict, ())
    }
}
