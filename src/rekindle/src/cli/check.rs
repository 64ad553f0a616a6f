//! `rekindle check`: every problem of rules and settings, or that there is none.
//!
//! Files are read as by the other commands (`load`), so that their problems look the same everywhere.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use super::check_against;
use super::load::{FileLoadError, ignored_variables, read_rules, read_settings, read_text, wrong_settings};
use super::secret::LoadedSecret;
use super::summary::counted;
use crate::collecting::check_row_events;
use rekindle_core::checkpoint::{ColdStart, RulesComparison, WarmUp, compare};
use rekindle_core::diagnostics::Diagnostic;
use rekindle_core::engine::key_instance::KeyInstance;
use rekindle_core::partition::{ExecutionPlan, User};
use rekindle_core::rules;
use rekindle_core::rules::explain::{self, SubjectSizes};
use rekindle_core::rules::ruleset::Ruleset;
use rekindle_settings::{
    SECRET_FILE, Secret, SettingPlace, Settings, SettingsErrors, TOKEN_FILE, TOKEN_HELP, VariableError, blotted,
    check_token,
};

/// The sizes of users and keys, for `--explain`.
const SIZES: SubjectSizes = SubjectSizes { user_bytes: size_of::<User>(), key_bytes: size_of::<KeyInstance>() };

/// Check rules and settings, and show every problem at its place
#[derive(clap::Args, Clone, Debug, Default)]
#[command(group(clap::ArgGroup::new("what").required(true).multiple(true).args(["files", "rules", "config"])))]
pub struct CheckArgs {
    /// Rules files to check
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The same; may be given several times
    #[arg(long, value_name = "FILE")]
    pub rules: Vec<PathBuf>,
    /// A settings file to check, together with the REKINDLE_ variables of the environment and the rules file it names;
    /// other files it names, such as certificates and secrets, must be there for you to read
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The rules that the others are to replace: also print which features start empty, and for how long they do not know the
    /// past; transitions that result from that trigger no campaign
    #[arg(long, value_name = "OLD_RULES")]
    pub replacing: Option<PathBuf>,
    /// Event files to check the rules against: how often every name, property, key and trait that the rules read is there, and of which
    /// type; then amounts that are not numbers, properties inside arrays, and what is never there. What can never occur is a mistake
    #[arg(long, value_name = "EVENTS", conflicts_with = "config")]
    pub against: Vec<PathBuf>,
    /// Also print what the rules compile to: features and who shares them, bytes per user, what changes each segment
    #[arg(long)]
    pub explain: bool,
}

/// Checks the files of the arguments, and prints to standard output; true if there is no mistake.
///
/// # Errors
/// Standard output cannot be written to.
pub fn run(args: &CheckArgs) -> io::Result<bool> {
    let stdout = io::stdout();
    let colour = stdout.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    check(args, colour, &mut stdout.lock())
}

/// Checks, and writes the findings to `out`.
fn check(args: &CheckArgs, colour: bool, out: &mut dyn Write) -> io::Result<bool> {
    let (mut sound, mut collecting) = (true, None);
    let mut files = [args.files.as_slice(), &args.rules].concat();
    if let Some(path) = &args.config {
        match read_settings(path, colour) {
            Ok(config) => {
                if let Some(note) = ignored_variables(&config) {
                    writeln!(out, "note: {note}")?;
                }
                let secret = LoadedSecret::of(config.engine.secret.as_ref()).unwrap_or_default();
                for warning in secret.warnings {
                    writeln!(out, "note: {warning}")?;
                }
                match named_files(path, &config) {
                    Ok(()) => writeln!(out, "{}: ok", path.display())?,
                    Err(mistakes) => {
                        sound = false;
                        report(&wrong_settings(path, &mistakes, colour), out)?;
                    }
                }
                // That they cannot be read is reported already.
                let rules = can_be_read(&config.engine.rules).is_ok().then_some(config.engine.rules);
                collecting = rules.clone().map(|rules| (rules, config.collect));
                files.extend(rules);
            }
            Err(error) => {
                sound = false;
                report(&error, out)?;
            }
        }
    }
    let replaced = match args.replacing.as_deref().map(|old| read_rules(old, colour)) {
        None => None,
        Some(Ok(rules)) => Some(ExecutionPlan::new(rules)),
        Some(Err(error)) => {
            sound = false;
            report(&error, out)?;
            None
        }
    };
    for file in files {
        match read_rules(&file, colour) {
            Ok(rules) => {
                accepted(&file, &rules, args.explain, out)?;
                let settings = collecting.as_ref().filter(|(of, _)| *of == file).map(|(_, settings)| settings);
                if let Some(Err(error)) = settings.map(|settings| check_row_events(&rules, settings)) {
                    sound = false;
                    writeln!(out, "{}: {error}", file.display())?;
                }
                if !args.against.is_empty() {
                    sound &= check_against::check(&rules, &args.against, out)?;
                }
                if let (Some(replaced), Some(old)) = (&replaced, &args.replacing) {
                    replacing(&file, ExecutionPlan::new(rules), (old, replaced), out)?;
                }
            }
            Err(error) => {
                sound = false;
                report(&error, out)?;
            }
        }
    }
    Ok(sound)
}

/// Opens every file that settings name, and reads a byte of each: a file that is missing or not readable by this user is a
/// problem of the settings. Their contents are not checked, except for the API's token and the size of the secret.
fn named_files(path: &Path, config: &Settings) -> Result<(), SettingsErrors> {
    let text = read_text(path).map(|text| blotted(&text)).unwrap_or_default();
    let mut mistakes = SettingsErrors { text, in_file: Vec::new(), in_variables: Vec::new() };
    for file in &config.files {
        let (message, help) = match can_be_read(&file.path) {
            Err(error) => (
                format!("cannot read {} {}: {error}", file.what, file.path.display()),
                "the path is relative to this file".to_owned(),
            ),
            Ok(()) if file.what == TOKEN_FILE => {
                let Err(why) = token_in(&file.path) else { continue };
                (format!("the token in {} {why}", file.path.display()), TOKEN_HELP.to_owned())
            }
            Ok(()) if file.what == SECRET_FILE => {
                let Err(error) = LoadedSecret::of(Some(&Secret::File(file.path.clone()))) else { continue };
                (error.to_string(), String::new())
            }
            Ok(()) => continue,
        };
        match &file.place {
            SettingPlace::File(span) => mistakes.in_file.push(Diagnostic { message, help, span: span.clone() }),
            SettingPlace::Variable(variable) => {
                let help = help.replace("relative to this file", "relative to the settings file");
                mistakes.in_variables.push(VariableError { variable: variable.clone(), message, help });
            }
        }
    }
    let rules = &config.engine.rules;
    if let (false, Err(error)) = (config.files.iter().any(|file| file.path == *rules), can_be_read(rules)) {
        let message = format!("cannot read the rules file {}: {error}", rules.display());
        let help = "name another with rules = \"…\" in [engine]; the path is relative to this file".to_owned();
        mistakes.in_file.push(Diagnostic { message, help, span: 0..0 });
    }
    mistakes.in_file.sort_by_key(|problem| problem.span.start);
    if mistakes.count() == 0 { Ok(()) } else { Err(mistakes) }
}

fn token_in(path: &Path) -> Result<(), &'static str> {
    let text = std::fs::read_to_string(path).map_err(|_| "is not text")?;
    check_token(&text).map(drop)
}

fn can_be_read(path: &Path) -> io::Result<()> {
    File::open(path)?.read(&mut [0]).map(|_| ())
}

fn accepted(file: &Path, rules: &Ruleset, explain: bool, out: &mut dyn Write) -> io::Result<()> {
    let (segments, campaigns) = (counted(rules.segments.len(), "segment"), counted(rules.campaigns.len(), "campaign"));
    let (name, features) = (file.display(), counted(rules.features.len(), "feature"));
    writeln!(out, "{name}: ok, {segments}, {campaigns}, {features}")?;
    for note in rules::products::notes(rules) {
        writeln!(out, "note: {note}")?;
    }
    if explain {
        write!(out, "\n{}", explain::explain(rules, SIZES))?;
    }
    Ok(())
}

/// Prints what starts empty when these rules replace the old ones.
fn replacing(
    file: &Path,
    plan: ExecutionPlan,
    (old, replaced): (&Path, &ExecutionPlan),
    out: &mut dyn Write,
) -> io::Result<()> {
    let (name, old) = (file.display(), old.display());
    if plan.rules.version == replaced.rules.version {
        return writeln!(out, "{name}: the same as {old}: a reload changes nothing");
    }
    let RulesComparison { kept, new, dropped } = compare(replaced, &plan);
    writeln!(
        out,
        "{name}: replacing {old}: {kept} features keep their state, {dropped} are dropped; {}",
        match new.len() {
            0 => "nothing starts empty".to_owned(),
            count => format!("{count} start empty, and do not know the past"),
        }
    )?;
    for ColdStart { what, blind, read_by } in new {
        let readers = if read_by.is_empty() { String::new() } else { format!("; read by {}", read_by.join(", ")) };
        match blind {
            WarmUp::For(span) => writeln!(out, "  {what}: for {span}{readers}")?,
            WarmUp::ForGood | WarmUp::UntilSaid => writeln!(out, "  {what}: {blind}{readers}")?,
        }
    }
    Ok(())
}

fn report(error: &FileLoadError, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", error.to_string().trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(args: CheckArgs) -> (bool, String) {
        let mut out = Vec::new();
        let sound = check(&args, false, &mut out).unwrap();
        (sound, String::from_utf8(out).unwrap())
    }

    fn rules_args(files: &[PathBuf]) -> CheckArgs {
        CheckArgs { rules: files.to_vec(), ..CheckArgs::default() }
    }

    const RULES: &str = "[events]\na = 'A'\n[[segments]]\nid = 's'\nwhen = \"count(a, '1h') > 1\"\n";

    #[test]
    fn sound_rules_are_counted_and_explained() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("r.toml");
        std::fs::write(&file, RULES).unwrap();
        let (sound, out) = checked(rules_args(std::slice::from_ref(&file)));
        assert!(sound);
        assert!(out.ends_with("r.toml: ok, 1 segment, 0 campaigns, 1 feature\n"), "{out}");
        let (_, out) = checked(CheckArgs { explain: true, ..rules_args(&[file]) });
        assert!(out.contains("by time: a pane of count(a, 1h) leaves, every 1m"), "{out}");
    }

    #[test]
    fn a_file_named_without_an_option_is_checked() {
        let folder = tempfile::tempdir().unwrap();
        let [good, bad] = ["good", "bad"].map(|name| folder.path().join(name));
        std::fs::write(&good, RULES).unwrap();
        std::fs::write(&bad, RULES.replace("count", "cout")).unwrap();
        let (sound, out) = checked(CheckArgs { files: vec![good], ..rules_args(&[]) });
        assert!(sound && out.contains("good: ok, 1 segment,"), "{out}");
        let (sound, out) = checked(CheckArgs { files: vec![bad], ..rules_args(&[]) });
        assert!(!sound && out.contains("bad: 1 problem\n"), "{out}");
    }

    #[test]
    fn rules_are_checked_against_events() {
        let folder = tempfile::tempdir().unwrap();
        let [rules, events] = ["r.toml", "e.jsonl"].map(|name| folder.path().join(name));
        let when = "sum(a.total, '1d') > 5 || total(a.items.price) > 1";
        std::fs::write(&rules, RULES.replace("count(a, '1h') > 1", when)).unwrap();
        let event = |properties: &str| {
            let time = "2026-03-05T10:00:00Z";
            format!(r#"{{"type":"track","event":"A","userId":"u","timestamp":"{time}","properties":{properties}}}"#)
        };
        let args = CheckArgs { against: vec![events.clone()], ..rules_args(&[rules]) };
        let lines = [event(r#"{"total":"109.30"}"#), event(r#"{"total":1}"#), "no JSON".to_owned()];
        std::fs::write(&events, lines.join("\n")).unwrap();
        let (sound, out) = checked(args.clone());
        let told = "warning: a.total is not a number in 1 of 2 events (such as \"109.30\"): sums and means ignore it\n  help: ";
        assert!(sound && out.contains("r.toml: ok") && out.contains(told), "{out}");
        let listed =
            "a (\"A\"): 2 events\n  a.total: 2 of 2, as number 1, number in quotes 1\n  a.items.price: never\n";
        assert!(out.contains(listed), "{out}");
        std::fs::write(&events, event(r#"{"items":[{"price":1}]}"#)).unwrap();
        let (sound, out) = checked(args.clone());
        assert!(
            !sound
                && out.contains("mistake: a.items.price reads into `items`")
                && out.contains("name its elements in [events]"),
            "{out}"
        );
        std::fs::write(&events, event("{}").replace("\"A\"", "\"AB\"") + "\n").unwrap();
        let (sound, out) = checked(args.clone());
        let told = "warning: no event matched `a` (\"A\"); the file has \"AB\" once\n  help: name it in [events]";
        assert!(sound && out.contains(told), "{out}");
        std::fs::remove_file(&events).unwrap();
        let (sound, out) = checked(args);
        assert!(!sound && out.contains("e.jsonl"), "{out}");
    }

    #[test]
    fn every_file_is_checked_and_one_bad_one_fails_them_all() {
        let folder = tempfile::tempdir().unwrap();
        let [good, bad, missing, binary] = ["good", "bad", "missing", "binary"].map(|name| folder.path().join(name));
        std::fs::write(&good, RULES).unwrap();
        std::fs::write(&bad, RULES.replace("count", "cout")).unwrap();
        std::fs::write(&binary, b"a\xff").unwrap();
        let (sound, out) = checked(rules_args(&[bad, missing, binary, good]));
        assert!(!sound);
        assert!(out.contains("bad:5:9: there is no function `cout`"), "{out}");
        assert!(out.contains("bad: 1 problem\n"), "{out}");
        assert!(out.contains("missing: No such file"), "{out}");
        assert!(out.contains("not UTF-8 text (byte 1)"), "{out}");
        assert!(out.contains("good: ok"), "{out}");
    }

    #[test]
    fn the_rules_file_of_the_settings_is_checked_too() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("c.toml");
        std::fs::write(&config, "[engine]\nrules = 'mine.toml'\n").unwrap();
        let args = CheckArgs { config: Some(config), ..CheckArgs::default() };
        let (sound, out) = checked(args.clone());
        assert!(!sound && out.contains("c.toml:2:9: cannot read the rules file"), "{out}");
        std::fs::write(folder.path().join("mine.toml"), RULES).unwrap();
        let (sound, out) = checked(args);
        assert!(sound && out.contains("c.toml: ok") && out.contains("mine.toml: ok, 1 segment,"), "{out}");
    }

    #[test]
    fn rows_that_a_client_could_send_are_a_mistake() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("c.toml");
        let table = "[tables.products]\nevent = 'Product Updated'\nkey = 'id'\nkeep = ['price']\n";
        std::fs::write(folder.path().join("mine.toml"), format!("{table}{RULES}")).unwrap();
        let args = CheckArgs { config: Some(config.clone()), ..CheckArgs::default() };
        let settings = |lines: &str, trust: &str| {
            let hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
            let key = format!("[collect.keys.web]\nsha256 = ['{hash}']\ntrust = '{trust}'\n");
            std::fs::write(&config, format!("[engine]\nrules = 'mine.toml'\n[collect]\n{lines}\n{key}")).unwrap();
            checked(args.clone())
        };
        let (sound, out) = settings("", "client");
        let told =
            "the write key of `web`, which stands in a page or an app: add \"Product Updated\" to [collect] row_events";
        assert!(!sound && out.contains(told), "{out}");
        for (lines, trust) in [("", "server"), ("row_events = ['Product Updated']", "client")] {
            let (sound, out) = settings(lines, trust);
            assert!(sound, "{out}");
        }
    }

    #[test]
    fn rules_that_replace_others_list_what_starts_empty() {
        let folder = tempfile::tempdir().unwrap();
        let [old, new] = ["old.toml", "new.toml"].map(|name| folder.path().join(name));
        std::fs::write(&old, RULES).unwrap();
        let more = "[[segments]]\nid = 'gone'\nwhen = \"since(a) >= duration('60d') && sum(a.total, '7d') == 0.0 && traits.vip\"\n\
                    [[campaigns]]\nid = 'c'\non = 'enter:gone'\nchannel = 'email'\nquiet_hours = '22:00-08:00'\n\
                    [[caps]]\nmax = 3\nper = '2d'\nchannel = 'email'\n[growth]\n";
        std::fs::write(&new, format!("{RULES}{more}")).unwrap();
        let replacing = Some(old.clone());
        let (sound, out) = checked(CheckArgs { replacing, ..rules_args(&[new.clone(), old.clone()]) });
        assert!(sound);
        let lines: Vec<&str> = out.lines().filter(|line| line.starts_with("  ")).collect();
        let expected = [
            "  since(a): for good; read by segment gone",
            "  sum(a.total, 7d): for 7d; read by segment gone",
            "  traits.vip: until an event says it",
            "  the time zones of users: until an event says it",
            "  the cap of 3 per 2d by email: for 2d",
            "  the growth numbers: for good",
        ];
        assert_eq!(lines, expected, "{out}");
        assert!(out.contains("1 features keep their state, 0 are dropped"), "{out}");
        assert!(out.contains("a reload changes nothing"), "{out}");
        let (_, out) = checked(CheckArgs { replacing: Some(new), ..rules_args(&[old]) });
        assert!(out.contains("1 features keep their state, 2 are dropped; nothing starts empty"), "{out}");
    }

    #[test]
    fn rules_may_be_named_without_an_option_and_neither_rules_nor_settings_is_a_usage_error() {
        use clap::{Args, FromArgMatches};
        let command = CheckArgs::augment_args(clap::Command::new("check"));
        let error = command.clone().try_get_matches_from(["check"]).unwrap_err().to_string();
        assert!(error.contains("--rules <FILE>"), "{error}");
        let matches = command.clone().try_get_matches_from(["check", "--rules", "a", "--rules", "b"]).unwrap();
        assert_eq!(CheckArgs::from_arg_matches(&matches).unwrap().rules.len(), 2);
        let matches = command.try_get_matches_from(["check", "a", "b", "--rules", "c", "--explain"]).unwrap();
        let args = CheckArgs::from_arg_matches(&matches).unwrap();
        assert_eq!((args.files.len(), args.rules.len(), args.explain), (2, 1, true));
    }
}
