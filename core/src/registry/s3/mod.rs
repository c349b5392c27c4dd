//! S3-like stores: the address of a place in one, the settings that it takes, and the store behind it.

mod refusal;
mod transport;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use object_store::ObjectStore;
use object_store::aws::AmazonS3Builder;
use object_store::prefix::PrefixStore;
use object_store::{ClientOptions, RetryConfig};

pub(super) use self::refusal::Refusal;
use self::transport::Transport;
use super::Digest;
use crate::error::{Error, Result};

/// What a store needs besides its address. An empty text is a setting that nobody made.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct S3Settings {
    /// Where the store answers, such as `https://minio.shop.example:9000`; Amazon's where it is empty.
    pub endpoint: String,
    /// Name of the key.
    pub access_key_id: String,
    /// The key.
    pub secret_access_key: String,
    /// What comes with a key that holds for some hours only.
    pub session_token: String,
    /// The store's region; `us-east-1` where it is empty.
    pub region: String,
    /// File of the certificate authorities that vouch for the store, in PEM; where it is empty, Mozilla's list.
    pub ca_bundle: PathBuf,
    /// Folder of this machine for what is not in the store yet, such as searches under way.
    pub cache: PathBuf,
}

impl S3Settings {
    /// The variables that all programs read for S3, and the setting that each is; a later one wins.
    pub const VARIABLES: [(&'static str, &'static str); 7] = [
        ("AWS_ENDPOINT_URL", "endpoint"),
        ("AWS_ACCESS_KEY_ID", "access_key_id"),
        ("AWS_SECRET_ACCESS_KEY", "secret_access_key"),
        ("AWS_SESSION_TOKEN", "session_token"),
        ("AWS_DEFAULT_REGION", "region"),
        ("AWS_REGION", "region"),
        ("AWS_CA_BUNDLE", "ca_bundle"),
    ];

    /// The settings that these variables make.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>, cache: PathBuf) -> Self {
        let mut settings = Self { cache, ..Self::default() };
        for (name, setting) in Self::VARIABLES {
            if let Some(value) = variable(name).filter(|value| !value.is_empty()) {
                settings.set(setting, value);
            }
        }
        settings
    }

    fn set(&mut self, setting: &str, value: String) {
        match setting {
            "endpoint" => self.endpoint = value,
            "access_key_id" => self.access_key_id = value,
            "secret_access_key" => self.secret_access_key = value,
            "session_token" => self.session_token = value,
            "region" => self.region = value,
            _ => self.ca_bundle = value.into(),
        }
    }

    /// The user's folder for what programs may lose and make again, of these variables.
    pub fn cache_folder(variable: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
        let given = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        given("XDG_CACHE_HOME")
            .or_else(|| Some(given("HOME")?.join(".cache")))
            .map(|cache| cache.join("xtream"))
    }
}

/// A place in an S3-like store.
#[derive(Clone, PartialEq, Eq)]
pub struct S3 {
    bucket: String,
    /// Without a stroke at either end; may be empty.
    prefix: String,
    workplace: PathBuf,
    settings: S3Settings,
}

impl S3 {
    pub(super) const SCHEME: &str = "s3://";
    pub(super) const ALLOWED: &str = "s3://BUCKET/PREFIX, such as s3://shop/diamonds";

    /// The place with this address, after the scheme.
    pub(super) fn parse(place: &str, settings: S3Settings) -> Result<Self> {
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let prefix = prefix.trim_end_matches('/');
        let wrong = |reason: String, allowed: &str| Error::Usage { reason, allowed: allowed.into() };
        let is_plain = |text: &str, signs: &str| {
            text.bytes().all(|byte| byte.is_ascii_alphanumeric() || signs.as_bytes().contains(&byte))
        };
        let parts = || prefix.split('/').filter(|_| !prefix.is_empty());
        if bucket.is_empty() || !is_plain(bucket, "-._") {
            return Err(wrong(format!("{}{place} names no bucket", Self::SCHEME), Self::ALLOWED));
        }
        if parts().any(|part| part.is_empty() || part == "." || part == ".." || !is_plain(part, "-._=")) {
            let reason = format!("the prefix {prefix:?} of {}{place} is none", Self::SCHEME);
            return Err(wrong(reason, "names of letters, digits and -._= with strokes between them"));
        }
        if settings.access_key_id.is_empty() || settings.secret_access_key.is_empty() {
            let reason = format!("the store {}{place} needs a key, and none is set", Self::SCHEME);
            return Err(wrong(
                reason,
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, which who keeps the store has",
            ));
        }
        // Studies of two stores that are called alike must not meet.
        let name = Digest::of(format!("{}\n{bucket}/{prefix}", settings.endpoint).as_bytes());
        let workplace = settings.cache.join(&name.hex()[..16]);
        Ok(Self { bucket: bucket.into(), prefix: prefix.into(), workplace, settings })
    }

    pub(super) fn workplace(&self) -> &Path {
        &self.workplace
    }

    /// The objects there. Nothing is asked of the store yet. It is asked to remove some until then at most, if there is such
    /// a time.
    pub(super) fn open(&self, removes_until: Option<DateTime<Utc>>) -> Result<Arc<dyn ObjectStore>> {
        let settings = &self.settings;
        let region = if settings.region.is_empty() { "us-east-1" } else { &settings.region };
        // The transport asks again, which knows of each answer; nothing above it does.
        let once = RetryConfig { max_retries: 0, ..RetryConfig::default() };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&self.bucket)
            .with_region(region)
            .with_access_key_id(&settings.access_key_id)
            .with_secret_access_key(&settings.secret_access_key)
            .with_retry(once)
            .with_disable_bulk_delete(true)
            .with_client_options(ClientOptions::new().with_allow_http(true))
            .with_http_connector(Transport::new(&settings.ca_bundle, removes_until)?);
        if !settings.session_token.is_empty() {
            builder = builder.with_token(&settings.session_token);
        }
        if !settings.endpoint.is_empty() {
            builder = builder.with_endpoint(&settings.endpoint);
        }
        let store = builder.build().map_err(|source| Error::Storage { path: self.to_string(), source })?;
        Ok(Arc::new(PrefixStore::new(store, self.prefix.as_str())))
    }

    /// Its address and where it answers.
    pub(super) fn described(&self) -> String {
        match self.settings.endpoint.as_str() {
            "" => self.to_string(),
            endpoint => format!("{self} at {endpoint}"),
        }
    }
}

impl fmt::Display for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stroke = if self.prefix.is_empty() { "" } else { "/" };
        write!(f, "{}{}{stroke}{}", Self::SCHEME, self.bucket, self.prefix)
    }
}

/// The address alone: the settings have a secret among them.
impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.described())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn settings() -> S3Settings {
        let variable = |name: &str| match name {
            "AWS_ENDPOINT_URL" => Some("http://127.0.0.1:9".into()),
            "AWS_ACCESS_KEY_ID" => Some("me".into()),
            "AWS_SECRET_ACCESS_KEY" => Some("sesame".into()),
            "AWS_DEFAULT_REGION" => Some("eu-central-1".into()),
            "AWS_REGION" => Some("eu-west-1".into()),
            "AWS_SESSION_TOKEN" => Some(String::new()),
            _ => None,
        };
        S3Settings::from_variables(variable, "cache".into())
    }

    #[test]
    fn variables_have_the_names_that_all_programs_read() {
        let settings = settings();
        assert_eq!((&*settings.endpoint, &*settings.access_key_id), ("http://127.0.0.1:9", "me"));
        assert_eq!((&*settings.region, &*settings.session_token), ("eu-west-1", ""));
    }

    #[test]
    fn the_cache_is_where_the_user_keeps_such_things() {
        let of = |variables: &[(&str, &str)]| {
            let found = |name: &str| variables.iter().find(|found| found.0 == name);
            S3Settings::cache_folder(|name| found(name).map(|found| found.1.to_owned()))
        };
        assert_eq!(of(&[("HOME", "/home/me")]), Some("/home/me/.cache/xtream".into()));
        assert_eq!(of(&[("HOME", "/home/me"), ("XDG_CACHE_HOME", "/fast")]), Some("/fast/xtream".into()));
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn an_address_is_a_bucket_and_a_prefix_and_a_wrong_one_is_refused_in_words() {
        for (text, expected) in [
            ("shop", "s3://shop"),
            ("shop/", "s3://shop"),
            ("shop/diamonds", "s3://shop/diamonds"),
            ("shop.example/a/b-2/", "s3://shop.example/a/b-2"),
        ] {
            assert_eq!(S3::parse(text, settings()).unwrap().to_string(), expected);
        }
        for text in ["", "/diamonds", "a shop/x", "shop//x", "shop/../x", "shop/ä", "shop/a b", "shop/a?b"] {
            let error = S3::parse(text, settings()).unwrap_err();
            assert!(error.is_input(), "{text}: {error}");
        }
        let error = S3::parse("shop", S3Settings::default()).unwrap_err().to_string();
        assert!(error.contains("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"), "{error}");
    }

    #[test]
    fn two_stores_never_share_a_place_for_work_and_no_secret_is_shown() {
        let place = |text, endpoint: &str| {
            S3::parse(text, S3Settings { endpoint: endpoint.into(), ..settings() }).unwrap()
        };
        let places = [place("shop/a", "http://a"), place("shop/b", "http://a"), place("shop/a", "http://b")];
        let folders: std::collections::HashSet<_> = places.iter().map(S3::workplace).collect();
        assert_eq!(folders.len(), 3);
        assert!(folders.iter().all(|folder| folder.starts_with("cache")));
        assert_eq!(format!("{:?}", places[0]), "s3://shop/a at http://a");
    }
}
