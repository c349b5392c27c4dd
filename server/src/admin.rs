//! Who may see the records and choose the model: whoever sends the key the server was started with.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpRequest, web};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::problem::Problem;

/// The administrator's key, kept as its digest: the key itself cannot end up in a log.
pub(crate) struct AdminKey(Option<[u8; 32]>);

impl AdminKey {
    /// An empty key is none: a variable that is set to nothing must not open the door.
    pub(crate) fn new(key: Option<String>) -> Self {
        Self(key.filter(|key| !key.is_empty()).map(|key| digest(&key)))
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
        let Some(AdminKey(Some(expected))) =
            request.app_data::<web::Data<AdminKey>>().map(|key| key.get_ref())
        else {
            return ready(Err(Problem::no_administrators()));
        };
        let header = request.headers().get(AUTHORIZATION).and_then(|header| header.to_str().ok());
        let given = header.and_then(|header| header.split_once(' '));
        let given =
            given.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, key)| key.trim());
        // Digests are compared in full whatever they hold, so that the time it takes says nothing
        // about how much of a guess was right.
        let is_right = given.is_some_and(|key| digest(key).ct_eq(expected).into());
        ready(if is_right { Ok(Self) } else { Err(Problem::administrators_only()) })
    }
}
