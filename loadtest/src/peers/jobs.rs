//! How the jobs of other engines are built, from their own folders with their own fixed versions.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Error;
use crate::usage;

/// The jobs' folder, in the repository that this program was built from.
const JOBS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers");
/// What a folder of Flink's jars has in it; the version is that of `peers/flink/pom.xml`.
const FLINK_JAR: &str = "flink-dist-2.3.0.jar";

/// A job for Flink that is compiled.
#[derive(Clone, Debug)]
pub(super) struct FlinkJob {
    class_path: String,
}

fn job_folder(name: &str) -> Result<PathBuf, Error> {
    let folder = Path::new(JOBS).join(name);
    match folder.is_dir() {
        true => Ok(folder),
        false => Err(Error::Unreadable(format!(
            "there is no {}: the jobs are built from the repository that this program was built from",
            folder.display()
        ))),
    }
}

/// Builds the job for timely dataflow. Returns its program.
pub(super) async fn build_timely(folder: &Path) -> Result<PathBuf, Error> {
    let job = job_folder("timely")?;
    let target = job.join("target");
    let mut cargo = Command::new("cargo");
    // Whatever Rekindle itself is built with: the job's own flags are in its folder.
    for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_INCREMENTAL"] {
        cargo.env_remove(variable);
    }
    cargo.args(["build", "--release", "--locked", "--target-dir"]).arg(&target).current_dir(&job);
    usage::run(cargo, &folder.join("build-timely")).await?;
    Ok(target.join("release/w1-timely"))
}

impl FlinkJob {
    /// Builds it: by Maven, or with these jars of a Flink distribution.
    pub(super) async fn build(jars: Option<&Path>, folder: &Path) -> Result<FlinkJob, Error> {
        let job = job_folder("flink")?;
        let output = folder.join("build-flink");
        match jars {
            None => {
                let mut maven = Command::new("mvn");
                maven.args(["--batch-mode", "--quiet", "package"]).current_dir(&job);
                usage::run(maven, &output).await?;
                let target = job.join("target");
                Ok(FlinkJob { class_path: class_path(&[&target.join("w1-flink.jar"), &target.join("lib/*")]) })
            }
            Some(jars) => {
                let (classes, jars) = (job.join("target/classes"), jars.join("*"));
                fs::create_dir_all(&classes).map_err(Error::file("make", &classes))?;
                let mut compiler = Command::new("javac");
                compiler.args(["--release", "17", "-d"]).arg(&classes).args(["-cp", &class_path(&[&jars])]);
                compiler.args(sources(&job.join("src/main/java/rekindle/peers"))?);
                usage::run(compiler, &output).await?;
                Ok(FlinkJob { class_path: class_path(&[&classes, &jars]) })
            }
        }
    }

    /// A process of it: one JVM with 1 GiB of heap and the collector that costs least.
    pub(super) fn command(&self) -> Command {
        let mut java = Command::new("java");
        java.args(["-Xms1g", "-Xmx1g", "-XX:+UseParallelGC"]);
        for package in ["java.lang", "java.time", "java.util"] {
            java.arg(format!("--add-opens=java.base/{package}=ALL-UNNAMED"));
        }
        java.args(["-cp", &self.class_path, "rekindle.peers.W1Job"]);
        java
    }
}

/// Checks, before anything is built, that what builds and runs the Flink job is there.
pub(super) fn require_flink(jars: Option<&Path>) -> Result<(), Error> {
    if let Some(jars) = jars
        && !jars.join(FLINK_JAR).is_file()
    {
        return Err(Error::Unreadable(format!(
            "there is no {FLINK_JAR} in {}: the job is written for that version",
            jars.display()
        )));
    }
    for program in if jars.is_some() { ["java", "javac"] } else { ["java", "mvn"] } {
        if Command::new(program).arg("--version").output().is_err() {
            return Err(Error::Unreadable(format!(
                "the Flink job needs {program}: install a JDK (17 or newer) and Maven, or leave it out with --without flink"
            )));
        }
    }
    Ok(())
}

fn sources(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = fs::read_dir(folder).map_err(Error::file("read", folder))?;
    let mut sources: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    sources.retain(|path| path.extension().is_some_and(|extension| extension == "java"));
    sources.sort();
    Ok(sources)
}

fn class_path(parts: &[&Path]) -> String {
    parts.iter().map(|part| part.display().to_string()).collect::<Vec<_>>().join(":")
}
