//! `xtream serve --print-config`: every setting, its value, and where the value comes from.

use toml::Value;

use crate::layers::Layers;

/// Column at which the sources stand, where the value leaves room for it.
const COLUMN: usize = 48;

/// A settings file with the values that hold, each with its source as a comment. Secrets are covered.
pub(crate) fn shown(layers: &Layers) -> String {
    let mut text = String::new();
    let mut present = "";
    for (section, name, value, source) in layers.each() {
        if section != present {
            text.push_str(&format!("\n[{section}]\n"));
            present = section;
        }
        let is_bare = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let key = if is_bare { name.to_owned() } else { format!("{name:?}") };
        let line = format!("{key} = {}", covered(name, value));
        text.push_str(&format!("{line:COLUMN$}  # {source}\n"));
    }
    text
}

/// The value, unless it is a secret or may hold one.
fn covered(name: &str, value: &Value) -> Value {
    match (name, value) {
        ("admin_key" | "secret_access_key" | "session_token", Value::String(key)) if !key.is_empty() => {
            "***".into()
        }
        ("mongodb", Value::String(address)) => without_credentials(address).into(),
        _ => value.clone(),
    }
}

/// A database's address without user, password and options, each of which may be secret.
fn without_credentials(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else {
        return if address.is_empty() { String::new() } else { "***".into() };
    };
    // Up to the last @: a password that was not escaped may hold others, or a slash.
    let (cover, rest) = rest.rsplit_once('@').map_or(("", rest), |(_, rest)| ("***@", rest));
    let hosts = rest.split(['/', '?']).next().unwrap_or_default();
    let options = if rest.contains('?') { "/?***" } else { "" };
    format!("{scheme}://{cover}{hosts}{options}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_a_password_is_shown() {
        for (address, expected) in [
            ("", ""),
            ("secret", "***"),
            ("mongodb://localhost:27017", "mongodb://localhost:27017"),
            ("mongodb://me:secret@db:27017/shop?tls=true", "mongodb://***@db:27017/?***"),
            ("mongodb+srv://me:se@cr/et@db.example/", "mongodb+srv://***@db.example"),
            ("mongodb://db/?tlsCertificateKeyFilePassword=secret", "mongodb://db/?***"),
        ] {
            assert_eq!(without_credentials(address), expected);
        }
    }
}
