//! The files of a shop: rendered, and written without overwriting any.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::InitError;
use super::choices::{ShopChoices, WebhookChoice, WebsiteSdk};

/// The name of the settings file.
pub(super) const SETTINGS: &str = "rekindle.toml";
/// The name of the rules file.
pub(super) const RULES: &str = "rules.toml";
/// The name of the file with the website's script.
pub(super) const SNIPPET: &str = "snippet.html";
/// The name of the file with the webhook's secret.
pub(super) const WEBHOOK_SECRET: &str = "webhook-secret";

/// What is made at random.
pub(super) struct ShopSecrets {
    /// The website's write key.
    pub(super) key: String,
    /// Its SHA-256.
    pub(super) sha256: String,
    /// What signs webhooks.
    pub(super) webhook: String,
}

/// A file of a shop.
pub(super) struct ShopFile {
    pub(super) name: &'static str,
    pub(super) text: String,
    /// Whether nobody else may read it.
    is_secret: bool,
}

impl ShopFile {
    fn public(name: &'static str, text: String) -> ShopFile {
        ShopFile { name, text, is_secret: false }
    }
}

/// All files of a shop.
pub(super) fn render(choices: &ShopChoices, secrets: &ShopSecrets) -> Vec<ShopFile> {
    let mut settings = include_str!("templates/rekindle.toml").to_owned();
    let (mut url, mut files) = ("", Vec::new());
    if let WebhookChoice::Address(address) = &choices.deliver {
        url = address;
        settings += include_str!("templates/webhook.toml");
        if choices.deliver.is_private() {
            settings +=
                "# Only because the address is one of this machine or network, or has no TLS.\nallow_private = true\n";
        }
        files.push(ShopFile { name: WEBHOOK_SECRET, text: format!("{}\n", secrets.webhook), is_secret: true });
    }
    let (scheme, host) = choices.collect_url.split_once("://").unwrap_or(("http", &choices.collect_url));
    let slug = slug(&choices.name);
    let values = [
        ("name", choices.name.as_str()),
        ("source", &slug),
        ("currency", &choices.currency),
        ("time_zone", &choices.time_zone),
        ("cart_after", &choices.cart_after),
        ("collect_url", &choices.collect_url),
        ("collect_host", host),
        ("collect_scheme", scheme),
        ("key", &secrets.key),
        ("sha256", &secrets.sha256),
        ("url", url),
    ];
    let fill = |template: &str| {
        values.iter().fold(template.to_owned(), |text, (name, value)| text.replace(&format!("{{{{{name}}}}}"), value))
    };
    let snippet = match choices.sdk {
        WebsiteSdk::None => include_str!("templates/none.html"),
        WebsiteSdk::Segment => include_str!("templates/segment.html"),
        WebsiteSdk::RudderStack => include_str!("templates/rudderstack.html"),
        WebsiteSdk::PostHog => include_str!("templates/posthog.html"),
    };
    files.push(ShopFile::public(RULES, fill(include_str!("templates/rules.toml"))));
    files.push(ShopFile::public(SNIPPET, fill(snippet)));
    // The last: a folder with settings has everything else.
    files.push(ShopFile::public(SETTINGS, fill(&settings)));
    files
}

/// Writes files into a folder, which is made if there is none; replaces what is there only if `force`.
///
/// # Errors
/// A file is there already, or can't be written.
pub(super) fn write(folder: &Path, files: &[ShopFile], force: bool) -> Result<(), InitError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| InitError::Write { path, source }
    };
    fs::create_dir_all(folder).map_err(failed(folder))?;
    let paths: Vec<PathBuf> = files.iter().map(|file| folder.join(file.name)).collect();
    let there: Vec<PathBuf> = paths.iter().filter(|path| path.symlink_metadata().is_ok()).cloned().collect();
    if !there.is_empty() && !force {
        return Err(InitError::Exists(there));
    }
    for path in &there {
        fs::remove_file(path).map_err(failed(path))?;
    }
    files.iter().zip(&paths).try_for_each(|(file, path)| create(path, file).map_err(failed(path)))
}

fn create(path: &Path, file: &ShopFile) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if file.is_secret {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)?.write_all(file.text.as_bytes())
}

/// What the shop is called in outputs: a path.
fn slug(name: &str) -> String {
    let words: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { ' ' }).collect();
    match words.split_whitespace().collect::<Vec<_>>().join("-") {
        empty if empty.is_empty() => "/rekindle".to_owned(),
        slug => format!("/{slug}"),
    }
}
