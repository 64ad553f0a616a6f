//! Licences, duplicates and sources of all that is linked, by the same deny.toml that cargo-deny reads; and the workspace's
//! list of dependencies is in order.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use serde::Deserialize;

use crate::{assert_none, repository};

#[derive(Deserialize)]
struct Policy {
    licenses: Licenses,
    bans: Bans,
}

#[derive(Deserialize)]
struct Licenses {
    allow: BTreeSet<String>,
    exceptions: Vec<LicenseException>,
}

#[derive(Deserialize)]
struct LicenseException {
    #[serde(rename = "crate")]
    package: String,
    allow: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Bans {
    skip: Vec<Skip>,
}

/// A second version that is known, by `name@version`; the version may be the first parts of one.
#[derive(Deserialize)]
struct Skip {
    #[serde(rename = "crate")]
    package: String,
    reason: String,
}

/// What is built and tested, as in deny.toml.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
}

fn policy() -> Policy {
    toml::from_str(&fs::read_to_string(repository().join("deny.toml")).expect("deny.toml")).expect("a policy")
}

/// The packages that the workspace and its tests are built of on Linux. Metadata has those of features that are off, too: what is
/// built is what `cargo tree` lists, by its `name v1.2.3`.
fn packages() -> Vec<Package> {
    // Of other platforms' packages a fresh machine has nothing, and here is no network.
    let metadata = cargo(&["metadata", "--format-version=1", &format!("--filter-platform={PLATFORM}")]);
    let metadata: Metadata = serde_json::from_slice(&metadata).expect("metadata");
    let target = format!("--target={PLATFORM}");
    let tree = cargo(&["tree", "--workspace", &target, "--prefix=none", "--format={p}"]);
    let tree = String::from_utf8(tree).expect("names");
    let name_and_version = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    let built: BTreeSet<String> = tree.lines().map(name_and_version).collect();
    let is_built = |package: &Package| built.contains(&format!("{} v{}", package.name, package.version));
    metadata.packages.into_iter().filter(is_built).collect()
}

fn cargo(arguments: &[&str]) -> Vec<u8> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    let output = command.args(arguments).args(["--locked", "--offline"]).current_dir(repository()).output();
    let output = output.expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Whether one alternative of an expression (`MIT OR Apache-2.0 AND ISC`) has only licences that are allowed.
fn is_allowed(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let expression = expression.replace('/', " OR ").replace(['(', ')'], " ");
    expression.split(" OR ").any(|all| all.split(" AND ").all(|one| allowed.contains(one.trim())))
}

#[test]
fn licenses_are_permissive() {
    let Licenses { allow, exceptions } = policy().licenses;
    let packages = packages();
    assert!(packages.len() > 100, "only {} packages were found", packages.len());
    let is_exception = |package: &Package, license: &str| {
        exceptions.iter().any(|exception| exception.package == package.name && is_allowed(license, &exception.allow))
    };
    let is_mistake = |package: &&Package| {
        let license = package.license.as_deref().unwrap_or("no licence");
        !is_allowed(license, &allow) && !is_exception(package, license)
    };
    let mistakes = packages.iter().filter(is_mistake);
    assert_none(&mistakes.map(|package| format!("{}: {:?}", package.name, package.license)).collect::<Vec<_>>());
}

#[test]
fn packages_come_from_the_registry_or_the_workspace() {
    let is_foreign = |package: &&Package| {
        package
            .source
            .as_deref()
            .is_some_and(|source| source != "registry+https://github.com/rust-lang/crates.io-index")
    };
    let packages = packages();
    let mistakes = packages.iter().filter(is_foreign);
    assert_none(&mistakes.map(|package| format!("{} is from {:?}", package.name, package.source)).collect::<Vec<_>>());
}

#[test]
fn second_versions_are_known() {
    let skips = policy().bans.skip;
    assert!(skips.iter().all(|skip| !skip.reason.is_empty()), "a second version needs a reason");
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in packages() {
        versions.entry(package.name).or_default().push(package.version);
    }
    let matches = |skip: &Skip, name: &str, version: &str| {
        skip.package.split_once('@').is_some_and(|(of, prefix)| {
            let rest = version.strip_prefix(prefix);
            of == name && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || rest.starts_with('+'))
        })
    };
    let mut mistakes = Vec::new();
    for (name, versions) in &versions {
        let unknown: Vec<_> =
            versions.iter().filter(|version| !skips.iter().any(|skip| matches(skip, name, version))).collect();
        if unknown.len() > 1 {
            mistakes.push(format!("{name} is there in several versions: {unknown:?}"));
        }
    }
    let is_needed = |skip: &Skip| {
        versions
            .iter()
            .any(|(name, versions)| versions.len() > 1 && versions.iter().any(|version| matches(skip, name, version)))
    };
    mistakes.extend(
        skips.iter().filter(|skip| !is_needed(skip)).map(|skip| format!("{} is not there twice", skip.package)),
    );
    assert_none(&mistakes);
}

#[test]
fn workspace_dependencies_are_sorted() {
    let manifest = fs::read_to_string(repository().join("Cargo.toml")).expect("a manifest");
    let section = manifest.split("[workspace.dependencies]\n").nth(1).and_then(|rest| rest.split("\n[").next());
    let names: Vec<&str> = section
        .expect("a section")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(" = ").map(|(name, _)| name))
        .collect();
    assert!(names.len() > 30 && names.is_sorted(), "not in order: {names:?}");
}
