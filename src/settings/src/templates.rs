//! The language of templates and expressions in settings: minijinja, with a few functions more, and bounds.
//!
//! The crate that renders uses [`TEMPLATES`], so that what is checked here is what is computed there. A value that is missing is
//! undefined, whatever is asked of it, and an undefined value is written as nothing: a template never fails because an event
//! lacks something. `secret` is a table of texts that are not encoded in addresses.

use std::sync::LazyLock;

use base64::Engine as _;
use minijinja::{AutoEscape, Environment, ErrorKind, Output, State, UndefinedBehavior, Value};

use rekindle_core::time::Timestamp;

/// How many instructions one template may take.
const FUEL: u64 = 100_000;

/// The name of templates of addresses, whose values are percent-encoded.
pub const ADDRESS: &str = "address";

/// The environment of all templates.
pub static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(environment);

/// What a template may refer to.
pub(super) const EVENT_NAMES: [&str; 7] = ["data", "id", "secret", "source", "subject", "time", "type"];

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_fuel(Some(FUEL));
    environment.set_auto_escape_callback(|name| match name {
        ADDRESS => AutoEscape::Custom(ADDRESS),
        _ => AutoEscape::None,
    });
    environment.set_formatter(format);
    environment.add_filter("basic", |name: &str, password: &str| {
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}")))
    });
    environment.add_filter("ulid", |uuid: &str| ulid(uuid).map_or(Value::UNDEFINED, Value::from));
    environment.add_filter("unix", |time: &Value| {
        let time = time.as_str().and_then(Timestamp::parse_rfc3339);
        time.map_or(Value::UNDEFINED, |time| Value::from(time.0.div_euclid(1_000)))
    });
    environment.add_filter("text", |value: &Value| {
        if value.is_undefined() || value.is_none() { Value::UNDEFINED } else { Value::from(value.to_string()) }
    });
    environment
}

/// A UUID as a ULID (<https://github.com/ulid/spec>): the same 128 bits in Crockford's base 32.
fn ulid(uuid: &str) -> Option<String> {
    const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let hex: String = uuid.chars().filter(|c| *c != '-').collect();
    let bits = u128::from_str_radix(&hex, 16).ok().filter(|_| hex.len() == 32)?;
    let digit = |index: u32| char::from(DIGITS[(bits >> (5 * (25 - index)) & 31) as usize]);
    Some((0..26).map(digit).collect())
}

/// Nothing for what is missing; percent-encoded in an address, unless it is a secret.
fn format(out: &mut Output<'_>, state: &State<'_, '_>, value: &Value) -> Result<(), minijinja::Error> {
    if value.is_undefined() || value.is_none() {
        return Ok(());
    }
    let text = value.to_string();
    let written = match state.auto_escape() {
        AutoEscape::Custom(ADDRESS) if !value.is_safe() => out.write_str(&percent_encoded(&text)),
        _ => out.write_str(&text),
    };
    written.map_err(|_| minijinja::Error::new(ErrorKind::WriteFailure, "it could not be written"))
}

/// A text as a part of an address: everything but unreserved characters (RFC 3986) as the bytes of its UTF-8.
pub fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// The expression of a template that is nothing but one (`{{ data.payload.amount }}`): its value keeps its type.
pub fn lone_expression(template: &str) -> Option<&str> {
    let inner = template.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    (!inner.contains("{{") && !inner.contains("}}") && !inner.contains("{%")).then_some(inner.trim())
}

/// Whether a text holds anything to be computed.
pub fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

/// Checks a template; `names` are what it may refer to.
///
/// # Errors
/// What is wrong with it, as the end of a sentence that begins with it.
pub(super) fn check_template(template: &str, names: &[&str]) -> Result<(), String> {
    if let Some(expression) = lone_expression(template) {
        return check_expression(expression, names);
    }
    let compiled = TEMPLATES.template_from_str(template).map_err(|error| sentence(&error))?;
    check_names(compiled.undeclared_variables(false).into_iter(), names)?;
    known_functions(compiled.render(()))
}

/// Checks an expression; `names` are what it may refer to.
///
/// # Errors
/// What is wrong with it, as the end of a sentence that begins with it.
pub(super) fn check_expression(expression: &str, names: &[&str]) -> Result<(), String> {
    let compiled = TEMPLATES.compile_expression(expression).map_err(|error| sentence(&error))?;
    check_names(compiled.undeclared_variables(false).into_iter(), names)?;
    known_functions(compiled.eval(()))
}

fn check_names(used: impl Iterator<Item = String>, names: &[&str]) -> Result<(), String> {
    let functions: Vec<&str> = TEMPLATES.globals().map(|(name, _)| name).collect();
    let mut unknown: Vec<String> =
        used.filter(|name| !names.contains(&name.as_str()) && !functions.contains(&name.as_str())).collect();
    unknown.sort_unstable();
    match unknown.first() {
        Some(name) => Err(format!("refers to `{name}`, and there is only {}", names.join(", "))),
        None => Ok(()),
    }
}

/// Without an event a template may fail in many ways, of which one says that it can never succeed.
fn known_functions<T>(tried: Result<T, minijinja::Error>) -> Result<(), String> {
    use ErrorKind::{UnknownFilter, UnknownFunction, UnknownMethod, UnknownTest};
    match tried {
        Err(error) if matches!(error.kind(), UnknownFilter | UnknownFunction | UnknownMethod | UnknownTest) => {
            Err(sentence(&error))
        }
        _ => Ok(()),
    }
}

fn sentence(error: &minijinja::Error) -> String {
    format!("is not right: {}", error.detail().map_or_else(|| error.kind().to_string(), str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(template: &str) -> Result<(), String> {
        check_template(template, &EVENT_NAMES)
    }

    #[test]
    fn templates_are_checked_for_their_syntax_names_and_functions() {
        for good in
            ["", "plain", "{{ data.payload.a.b }}", "Hi {{ data.payload.name | default('you') }}!", "{{ time | unix }}"]
        {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for (bad, why) in [
            ("{{ data.", "is not right"),
            ("{{ payload.x }}", "`payload`"),
            ("x {{ user }}", "`user`"),
            ("{{ data.x | nofilter }}", "nofilter"),
            ("{% for x in data %}", "is not right"),
        ] {
            let found = check(bad).expect_err(bad);
            assert!(found.contains(why), "{bad}: {found}");
        }
    }

    #[test]
    fn what_is_missing_is_written_as_nothing_and_addresses_are_encoded() {
        let address =
            TEMPLATES.template_from_named_str(ADDRESS, "/u/{{ data.user }}/{{ data.no.where }}?k={{ secret.k }}");
        let secret = Value::from_safe_string("a/b".to_owned());
        let event = minijinja::context! { data => minijinja::context! { user => "ü/1" }, secret => minijinja::context! { k => secret } };
        assert_eq!(address.unwrap().render(event).unwrap(), "/u/%C3%BC%2F1/?k=a/b");
    }

    #[test]
    fn a_template_cannot_work_for_ever() {
        let endless = TEMPLATES
            .template_from_str("{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}");
        assert!(endless.unwrap().render(()).is_err());
    }
}
