//! Who may see the records and choose the model: whoever sends the key the server was started with.

mod guesses;

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use self::guesses::Guesses;
use crate::limits::Limiters;
use crate::problem::Problem;
use crate::request::client::Client;

/// Characters that a key must have: a shorter one can be guessed.
const SHORTEST: usize = 16;

/// The administrator's key, kept as its digest: the key itself cannot end up in a log.
pub(crate) struct AdminKey {
    digest: Option<[u8; 32]>,
    guesses: Guesses,
}

/// A key that is too short to be one.
#[derive(Debug, PartialEq)]
pub(crate) struct TooShort;

impl std::fmt::Display for TooShort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "the administrator's key (XTREAM_ADMIN_KEY) is too short, so that it could be guessed; allowed are keys of \
             {SHORTEST} characters and more, such as `openssl rand -hex 16` prints"
        )
    }
}

impl AdminKey {
    /// An empty key is none: a variable that is set to nothing must not open the door. No header has blanks at its
    /// ends, so a key has none either.
    ///
    /// # Errors
    /// When it is too short.
    pub(crate) fn new(key: Option<&str>) -> Result<Self, TooShort> {
        let key = key.map(str::trim).filter(|key| !key.is_empty());
        if key.is_some_and(|key| key.chars().count() < SHORTEST) {
            return Err(TooShort);
        }
        Ok(Self { digest: key.map(digest), guesses: Guesses::default() })
    }
}

fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key).into()
}

/// A request that carries the key. A route that takes it as an argument is closed to all others.
pub(crate) struct Administrator;

impl FromRequest for Administrator {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(look_at_key(request))
    }
}

fn look_at_key(request: &HttpRequest) -> Result<Administrator, Problem> {
    let admin_key = request.app_data::<web::Data<AdminKey>>();
    let known = admin_key.and_then(|key| Some((key.digest.as_ref()?, &key.guesses)));
    let Some((expected, guesses)) = known else {
        return Err(Problem::no_administrators());
    };
    let Some(header) = request.headers().get(AUTHORIZATION) else {
        return Err(Problem::administrators_only());
    };
    let client = request.extensions().get::<Client>().and_then(|client| client.0);
    if let Some(wait) = guesses.closed_for(client) {
        return Err(Problem::too_many_guesses(wait));
    }
    let given = header.to_str().ok().and_then(|header| header.split_once(' '));
    let given = given.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, key)| key.trim());
    // Digests are compared in full whatever they hold, so that the time it takes says nothing
    // about how much of a guess was right.
    let is_right = given.is_some_and(|key| digest(key).ct_eq(expected).into());
    if !is_right {
        if let Some(limiters) = request.app_data::<web::Data<Limiters>>() {
            limiters.telemetry.wrong_keys.inc();
        }
        guesses.count(client);
        return Err(Problem::administrators_only());
    }
    Ok(Administrator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_could_be_guessed_is_none() {
        for short in ["x", "fifteen letters", "  fifteen letters  ", "ключключключ"] {
            assert_eq!(AdminKey::new(Some(short)).err(), Some(TooShort), "{short}");
        }
        assert!(AdminKey::new(Some("sixteen letters!")).is_ok_and(|key| key.digest.is_some()));
        for none in [None, Some(""), Some("  ")] {
            assert!(AdminKey::new(none).is_ok_and(|key| key.digest.is_none()), "{none:?}");
        }
    }
}
