//! Every kind of failure there is.

use actix_web::http::StatusCode;

/// Status, code and title of every kind, in the order of their statuses.
macro_rules! kinds {
    ($($kind:ident = $status:ident, $code:literal, $title:literal;)+) => {
        /// A kind of failure; clients may rely on its status and code.
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub(super) enum Kind {
            $($kind),+
        }

        impl Kind {
            pub(super) fn words(self) -> (StatusCode, &'static str, &'static str) {
                match self {
                    $(Self::$kind => (StatusCode::$status, $code, $title)),+
                }
            }
        }

        /// Status, code and title of each kind there is; the documentation names them.
        pub(crate) const KINDS: &[(StatusCode, &str, &str)] = &[$((StatusCode::$status, $code, $title)),+];
    };
}

kinds! {
    MalformedRequest = BAD_REQUEST, "malformed_request", "The request cannot be read";
    MalformedJson = BAD_REQUEST, "malformed_json", "The body is not valid JSON";
    AdministratorsOnly = UNAUTHORIZED, "administrators_only", "This address needs the administrator's key";
    NoAdministrators = FORBIDDEN, "no_administrators", "This server was started without administrators";
    OriginNotAllowed = FORBIDDEN, "origin_not_allowed", "Pages of this web site may not ask this server";
    HeaderNotAllowed = FORBIDDEN, "header_not_allowed", "Pages of web sites may not send this header";
    UnknownRoute = NOT_FOUND, "unknown_route", "There is nothing at this address";
    UnknownModel = NOT_FOUND, "unknown_model", "There is no such model";
    UnknownExchange = NOT_FOUND, "unknown_exchange", "There is no such exchange";
    UnknownValuation = NOT_FOUND, "unknown_valuation", "There is no such valuation";
    MethodNotAllowed = METHOD_NOT_ALLOWED, "method_not_allowed", "This address does not take this method";
    RequestTimeout = REQUEST_TIMEOUT, "request_timeout", "The request took too long to arrive";
    BodyTooLarge = PAYLOAD_TOO_LARGE, "body_too_large", "The body is too large";
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "The body is of another kind than is read here";
    InvalidRequest = UNPROCESSABLE_ENTITY, "invalid_request", "Some values need correction";
    UnreadableFile = UNPROCESSABLE_ENTITY, "unreadable_file", "The file cannot be read";
    BeyondTheModel = UNPROCESSABLE_ENTITY, "beyond_the_model", "The model has no price for such a stone";
    TooManyRequests = TOO_MANY_REQUESTS, "too_many_requests", "You have asked too often";
    Internal = INTERNAL_SERVER_ERROR, "internal", "The server made a mistake";
    NoChampion = SERVICE_UNAVAILABLE, "no_champion", "There is no model yet";
    ChampionRefused = SERVICE_UNAVAILABLE, "champion_refused", "The model cannot be loaded";
    RegistryUnavailable = SERVICE_UNAVAILABLE, "registry_unavailable", "The registry of models cannot be read";
    LogUnavailable = SERVICE_UNAVAILABLE, "log_unavailable", "The exchange cannot be recorded";
    Overloaded = SERVICE_UNAVAILABLE, "overloaded", "Too much is asked at once";
}
