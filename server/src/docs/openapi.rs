//! The description of the API for programs, and the viewer of it for people.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use utoipa_swagger_ui::Config;

use super::Page;
use crate::problem::Problem;

const DOCUMENT: &str = include_str!("../../assets/openapi.json");

/// The viewer is a program that asks this server alone; it writes styles into its elements.
const VIEWER_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                             img-src 'self' data:; connect-src 'self'; base-uri 'none'; \
                             form-action 'none'; frame-ancestors 'none'";

/// `GET /openapi.json`
pub(crate) async fn document(request: HttpRequest) -> HttpResponse {
    ANSWER.answer(&request).await
}

static ANSWER: LazyLock<Page> =
    LazyLock::new(|| Page::new("application/json; charset=utf-8", VIEWER_POLICY, DOCUMENT));

/// `GET /docs`: the viewer names its files relative to its folder.
pub(crate) async fn entrance() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((LOCATION, "/docs/")).finish()
}

/// `GET /docs/{file}`: Swagger UI.
pub(crate) async fn viewer(request: HttpRequest, file: web::Path<String>) -> Result<HttpResponse, Problem> {
    let page = VIEWER.get(file.as_str()).ok_or_else(|| Problem::unknown_route(request.path()))?;
    Ok(page.answer(&request).await)
}

/// What the viewer consists of; the empty name is its start page.
const VIEWER_FILES: [&str; 8] = [
    "",
    "favicon-16x16.png",
    "favicon-32x32.png",
    "index.css",
    "swagger-initializer.js",
    "swagger-ui-bundle.js",
    "swagger-ui-standalone-preset.js",
    "swagger-ui.css",
];

static VIEWER: LazyLock<BTreeMap<&str, Page>> = LazyLock::new(|| {
    // Without these words it would show every document's address to a validator on the internet.
    let config = Config::from("/openapi.json").validator_url("none").try_it_out_enabled(true);
    let config = Arc::new(config);
    let page = |name| {
        let found = utoipa_swagger_ui::serve(name, Arc::clone(&config)).ok().flatten()?;
        let charset = if found.content_type.starts_with("text/") { "; charset=utf-8" } else { "" };
        let content_type = format!("{}{charset}", found.content_type);
        Some((name, Page::new(&content_type, VIEWER_POLICY, found.bytes.into_owned())))
    };
    VIEWER_FILES.into_iter().filter_map(page).collect()
});

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::problem::KINDS;
    use crate::startup::api;

    fn parsed() -> Value {
        serde_json::from_str(DOCUMENT).unwrap()
    }

    #[test]
    fn it_describes_every_route_of_the_table_and_no_other() {
        let document = parsed();
        let methods = |path: &Value| {
            let names: Vec<_> = path.as_object().unwrap().keys().map(|name| name.to_uppercase()).collect();
            names.join(", ").replace("GET", "GET, HEAD")
        };
        let paths = document["paths"].as_object().unwrap().iter();
        let described: BTreeMap<_, _> = paths.map(|(path, value)| (path.as_str(), methods(value))).collect();
        let table: BTreeMap<_, _> =
            api().into_iter().map(|(path, allowed, _)| (path, allowed.to_owned())).collect();
        assert_eq!(described, table);
    }

    #[test]
    fn the_viewer_has_all_its_files() {
        assert_eq!(VIEWER.keys().copied().collect::<Vec<_>>(), VIEWER_FILES);
    }

    #[test]
    fn it_names_every_code_and_its_examples_say_what_answers_say() {
        let document = parsed();
        let problem = &document["components"]["schemas"]["Problem"]["properties"];
        // An open list: a client must bear a code that it does not know.
        assert_eq!(problem["code"].get("enum"), None);
        let named: BTreeSet<_> =
            problem["code"]["examples"].as_array().unwrap().iter().map(Value::to_string).collect();
        assert_eq!(named, KINDS.iter().map(|(_, code, _)| format!("{code:?}")).collect());
        let mut shown = Vec::new();
        collect_problems(&document, &mut shown);
        for example in &shown {
            let known = KINDS.iter().find(|(_, code, _)| example["code"] == *code);
            let (status, code, title) = known.unwrap();
            assert_eq!(example["type"], format!("/docs/problems#{code}"));
            assert_eq!((&example["status"], &example["title"]), (&status.as_u16().into(), &(*title).into()));
        }
        let shown: BTreeSet<_> = shown.iter().filter_map(|example| example["code"].as_str()).collect();
        let unshown: Vec<_> = KINDS.iter().map(|kind| kind.1).filter(|code| !shown.contains(code)).collect();
        // It is the answer of no route, so there is no place for an example of it.
        assert_eq!(unshown, ["unknown_route"]);
    }

    /// Every object with a code that is a text: a problem as an example shows it.
    fn collect_problems<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
        match value {
            Value::Object(map) => {
                if map.get("code").is_some_and(Value::is_string) {
                    found.push(value);
                }
                map.values().for_each(|value| collect_problems(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| collect_problems(value, found)),
            _ => {}
        }
    }
}
