//! What a store said, or that it said nothing, in words that tell what to look at.

use std::io::ErrorKind;
use std::time::Duration;

/// Why there was no answer to what was asked of a store.
#[derive(Debug, thiserror::Error)]
#[error("{what}{tried}. {check}")]
pub(in crate::registry) struct Refusal {
    what: String,
    tried: String,
    check: String,
    /// The store's own name for it; empty where it gave none.
    code: String,
    is_final: bool,
    is_torn: bool,
}

const KEY: &str = "the key of AWS_ACCESS_KEY_ID";

impl Refusal {
    /// An answer with this status and this text, which is XML of S3's or nothing.
    pub(super) fn answered(status: u16, text: &str) -> Self {
        let code = between(text, "<Code>", "</Code>").unwrap_or_default();
        let message = between(text, "<Message>", "</Message>").unwrap_or_default();
        let check = match (status, code) {
            (_, "NoSuchBucket") => "Look at the name after s3://, or have the bucket made".into(),
            (_, "InvalidAccessKeyId") => format!("It does not know {KEY}"),
            (_, "SignatureDoesNotMatch") => {
                format!("AWS_SECRET_ACCESS_KEY is not what belongs to {KEY}; a blank at its end is enough")
            }
            (_, "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired") => {
                "The time of AWS_SESSION_TOKEN is over; get new keys".into()
            }
            (_, "RequestTimeTooSkewed") => {
                "The clocks of this machine and of the store are too far apart; set this machine's".into()
            }
            (301 | 307, _) | (_, "PermanentRedirect" | "AuthorizationHeaderMalformed") => {
                "The bucket is somewhere else: look at AWS_REGION and AWS_ENDPOINT_URL".into()
            }
            (401 | 403, _) => {
                format!("Who keeps the store must allow {KEY} to read, list and create objects there")
            }
            (404, _) => "Look at AWS_ENDPOINT_URL: what answers there may be no store".into(),
            (501, _) => "It cannot do what a registry rests on; `xtream registry probe` says more".into(),
            (409 | 429 | 500.., _) => "It has too much to do or is not well: try again later".into(),
            _ => "Look at AWS_ENDPOINT_URL, AWS_REGION and the address after s3://".into(),
        };
        let code = code.to_owned();
        let named = if code.is_empty() { String::new() } else { format!(" {code}") };
        let quoted = if message.is_empty() { String::new() } else { format!(" ({message:?})") };
        Self {
            what: format!("it answered {status}{named}{quoted}"),
            tried: String::new(),
            check,
            code,
            is_final: true,
            is_torn: false,
        }
    }

    /// It was not asked any more.
    pub(super) fn too_late() -> Self {
        Self {
            what: "too much time went by to ask for that".into(),
            tried: String::new(),
            check: "The same again goes on".into(),
            code: String::new(),
            is_final: true,
            is_torn: false,
        }
    }

    /// No answer at all.
    pub(super) fn unreachable(error: &ureq::Error) -> Self {
        let (what, check, is_final) = match error {
            ureq::Error::HostNotFound => {
                ("nobody knows its address".into(), "Look at AWS_ENDPOINT_URL and at the network", false)
            }
            ureq::Error::Timeout(_) => {
                ("it did not answer in time".into(), "Look at AWS_ENDPOINT_URL and at the network", false)
            }
            ureq::Error::Io(error) if error.kind() == ErrorKind::ConnectionRefused => (
                "nothing answers there".into(),
                "Look whether the store runs, and at AWS_ENDPOINT_URL",
                false,
            ),
            error if is_about_trust(error) => (
                format!("it cannot be trusted ({error})"),
                "AWS_CA_BUNDLE names a file with the certificate of who vouches for it",
                true,
            ),
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => (
                format!("its address is none ({error})"),
                "AWS_ENDPOINT_URL is such as https://minio.shop.example:9000",
                true,
            ),
            error => (
                format!("the connection failed ({error})"),
                "Look at AWS_ENDPOINT_URL and at the network",
                false,
            ),
        };
        Self {
            what,
            tried: String::new(),
            check: check.into(),
            code: String::new(),
            is_final,
            is_torn: false,
        }
    }

    /// An answer that ended too early.
    pub(super) fn broken_off(error: &std::io::Error) -> Self {
        let what = format!("its answer broke off ({error})");
        let check = "Look at the network".into();
        Self { what, tried: String::new(), check, code: String::new(), is_final: false, is_torn: true }
    }

    /// Asked so often, in so much time.
    pub(super) fn after(mut self, n_tries: u32, time: Duration) -> Self {
        if n_tries > 1 {
            self.tried = format!(", {n_tries} times in {:.0} seconds", time.as_secs_f64().max(1.0));
        }
        self
    }

    /// Whether asking again is in vain.
    pub(super) fn is_final(&self) -> bool {
        self.is_final
    }

    /// Whether the answer came and broke off.
    pub(in crate::registry) fn is_torn(&self) -> bool {
        self.is_torn
    }

    /// Whether a 404 says that the object is not there, and not that something else is missing.
    pub(super) fn is_about_the_object(&self) -> bool {
        matches!(&*self.code, "NoSuchKey" | "NotFound")
    }
}

fn is_about_trust(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Rustls(_) | ureq::Error::Tls(_) => true,
        // The handshake fails inside of a read.
        ureq::Error::Io(error) => error.kind() == ErrorKind::InvalidData,
        _ => false,
    }
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(found, _)| found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn xml(code: &str) -> String {
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>No.</Message></Error>")
    }

    #[test]
    fn what_a_store_says_is_told_with_what_to_look_at() {
        for (status, code, told) in [
            (404, "NoSuchBucket", "name after s3://"),
            (403, "AccessDenied", "must allow the key of AWS_ACCESS_KEY_ID"),
            (403, "InvalidAccessKeyId", "does not know the key"),
            (403, "SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY"),
            (403, "RequestTimeTooSkewed", "clocks"),
            (400, "ExpiredToken", "AWS_SESSION_TOKEN"),
            (301, "PermanentRedirect", "AWS_REGION"),
            (503, "SlowDown", "try again later"),
            (501, "NotImplemented", "xtream registry probe"),
        ] {
            let said = Refusal::answered(status, &xml(code)).to_string();
            assert!(said.contains(told) && said.contains(&format!("{status} {code} (\"No.\")")), "{said}");
        }
        let said = Refusal::answered(502, "<html>Bad gateway</html>").after(8, Duration::from_secs(4));
        let expected =
            "it answered 502, 8 times in 4 seconds. It has too much to do or is not well: try again later";
        assert_eq!(said.to_string(), expected);
    }
}
