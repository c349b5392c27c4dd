//! The description of the API for programs, and the viewer of it for people.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Map, Value, json};
use utoipa::__dev::{SchemaReferences, Tags};
use utoipa::openapi::{HttpMethod, RefOr, Schema};
use utoipa_swagger_ui::Config;

use super::refusals;
use crate::problem::{KINDS, Problem};
use crate::request_id::RequestId;
use crate::schemas;
use crate::static_file::StaticFile;

/// By `operationId`: bodies of requests, and what is answered by its status. Of problems, what differs.
const EXAMPLES: &str = include_str!("../../assets/examples.json");

const WORDS: &str = "What diamonds are worth, according to a model that learned from stones that were sold. Prices are \
    in US dollars, weights in carats, lengths in millimetres.\n\nNew here? Begin with the [guide](/docs/guide). Refusals \
    are explained in [problems and their cures](/docs/problems).\n\nWherever GET is taken, HEAD is too. More fields may \
    be added to an answer; none is renamed or removed within `/v1`. An address that is not described here is answered \
    with 404 and the code `unknown_route`.";

/// What the attribute `utoipa::path` makes beside a handler.
pub(crate) trait Handled: utoipa::Path + SchemaReferences + Tags<'static> {}

impl<P: utoipa::Path + SchemaReferences + Tags<'static>> Handled for P {}

/// A route as the attributes of its handler describe it.
pub(crate) struct Described {
    pub(crate) path: String,
    method: HttpMethod,
    operation: Value,
    schemas: Vec<(String, RefOr<Schema>)>,
}

impl Described {
    pub(crate) fn new<P: Handled>() -> Self {
        let mut schemas = Vec::new();
        P::schemas(&mut schemas);
        let method = P::methods().into_iter().next().unwrap_or(HttpMethod::Get);
        let mut operation = json!(P::operation());
        operation["tags"] = json!(P::tags());
        Self { path: P::path(), method, operation, schemas }
    }

    /// Whether it is a GET.
    pub(crate) fn is_read(&self) -> bool {
        self.method == HttpMethod::Get
    }
}

/// The whole description.
pub(crate) struct Document(StaticFile);

impl Document {
    /// Made of the descriptions of all routes; what all answers have in common is added here.
    pub(crate) fn new(described: Vec<Described>) -> Self {
        let examples: Value = serde_json::from_str(EXAMPLES).unwrap_or_default();
        let mut responses = refusals::all();
        let mut paths = Map::new();
        let mut known = Map::new();
        for Described { path, method, mut operation, schemas } in described {
            known.extend(schemas.into_iter().map(|(name, schema)| (name, json!(schema))));
            join_lines(&mut operation);
            complete(&path, &mut operation, &responses, &examples);
            let method = if method == HttpMethod::Get { "get" } else { "post" };
            paths.insert(path, json!({ method: operation }));
        }
        let header = |name: &str| json!({"$ref": format!("#/components/headers/{name}")});
        let not_modified = json!({
            "description": "You have it as it is: the answer would have the tag that you sent.",
            "headers": {"X-Request-Id": header("RequestId"), "ETag": header("ETag")},
        });
        responses.insert("NotModified".into(), not_modified);
        known.extend(schemas::requests().map(|(name, schema)| (name.to_owned(), schema)));
        // Each route has it with examples of its own.
        responses.remove("Invalid");
        known.values_mut().for_each(join_lines);
        known["Problem"]["properties"]["code"]["examples"] = KINDS.iter().map(|(_, code, _)| *code).collect();
        let tag = |name: &str, description: &str| json!({"name": name, "description": description});
        let text = |description: &str| json!({"description": description, "schema": {"type": "string"}});
        let mut document = json!({
            "openapi": "3.1.0",
            "info": {"title": "Diamond valuations", "version": "1", "description": WORDS},
            "servers": [{"url": "/"}],
            "tags": [
                tag("Valuations", "What diamonds are worth."),
                tag("Similar diamonds", "What comparable stones were sold for."),
                tag("Models", "The models there are and were."),
                tag("Exchanges", "The record of requests and answers."),
                tag("Probes", "Whether the server is well."),
            ],
            "security": [],
            "paths": paths,
            "components": {
                "schemas": known,
                "responses": responses,
                "parameters": {"IfNoneMatch": {
                    "name": "If-None-Match", "in": "header", "required": false, "schema": {"type": "string"},
                    "description": "`ETag` of an earlier answer; if it is still the same, the answer is 304 without a body.",
                }},
                "headers": {
                    "RequestId": {
                        "description": "The number of this exchange; quote it when you ask for help.",
                        "schema": {"type": "string", "format": "uuid"},
                    },
                    "ETag": text("Stands for the content without `request_id`; send it as `If-None-Match` next time."),
                },
                "securitySchemes": {"administrator": {
                    "type": "http", "scheme": "bearer",
                    "description": "The key in `XTREAM_ADMIN_KEY` that the server was started with.",
                }},
            },
        });
        remove_unused(&mut document);
        Self(StaticFile::new("application/json; charset=utf-8", VIEWER_POLICY, document.to_string()))
    }
}

/// Removes schemas that were taken up into others.
fn remove_unused(document: &mut Value) {
    let text = document.to_string();
    let is_used = |name: &str| text.contains(&format!("\"#/components/schemas/{name}\""));
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        schemas.retain(|name, _| is_used(name));
    }
}

/// Descriptions in attributes and comments are broken into lines, which mean nothing.
fn join_lines(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(description)) = map.get_mut("description") {
                *description = description.replace('\n', " ");
            }
            map.values_mut().for_each(join_lines);
        }
        Value::Array(items) => items.iter_mut().for_each(join_lines),
        _ => {}
    }
}

/// Adds what follows from what kind of route it is: refusals that all such routes have, headers, examples.
fn complete(path: &str, operation: &mut Value, refusals: &Map<String, Value>, examples: &Value) {
    let has_body = operation.get("requestBody").is_some();
    let is_administrative = operation.get("security").is_some();
    let has_tag = operation["responses"].get("304").is_some();
    let common = [
        ("400", "Malformed", has_body),
        ("401", "AdministratorsOnly", is_administrative),
        ("403", "NoAdministrators", is_administrative),
        ("405", "MethodNotAllowed", true),
        ("408", "RequestTimeout", has_body),
        ("413", "BodyTooLarge", has_body),
        ("415", "UnsupportedMediaType", has_body),
        ("429", "TooManyRequests", path.starts_with("/v1/")),
        ("default", "Internal", true),
    ];
    let responses = &mut operation["responses"];
    for (status, name, _) in common.into_iter().filter(|(.., is_given)| *is_given) {
        responses[status] = json!({"$ref": format!("#/components/responses/{name}")});
    }
    let examples = &examples[operation["operationId"].as_str().unwrap_or_default()];
    if has_body {
        operation["requestBody"]["required"] = true.into();
        for (media_type, content) in operation["requestBody"]["content"].as_object_mut().into_iter().flatten()
        {
            show(media_type, content, &examples["request"]);
        }
    }
    if has_tag {
        let parameter = json!({"$ref": "#/components/parameters/IfNoneMatch"});
        match &mut operation["parameters"] {
            Value::Array(parameters) => parameters.push(parameter),
            none => *none = json!([parameter]),
        }
        operation["responses"]["200"]["headers"]["ETag"] = json!({"$ref": "#/components/headers/ETag"});
    }
    let Some(responses) = operation["responses"].as_object_mut() else { return };
    for (status, response) in responses {
        if status == "422" {
            let own = response.get("description").cloned();
            *response = refusals["Invalid"].clone();
            if let Some(own) = own {
                response["description"] = own;
            }
            response["content"]["application/problem+json"]["examples"] = problems(&examples[status]);
        }
        if response.get("$ref").is_none() {
            response["headers"]["X-Request-Id"] = json!({"$ref": "#/components/headers/RequestId"});
        }
        if status == "200" {
            for (media_type, content) in response["content"].as_object_mut().into_iter().flatten() {
                show(media_type, content, &examples[status]);
            }
        }
    }
}

/// Adds examples: a text under its media type, or documents by their names.
fn show(media_type: &str, content: &mut Value, examples: &Value) {
    match examples.get(media_type) {
        Some(text) => content["example"] = text.clone(),
        None => content["examples"] = examples.clone(),
    }
}

/// Problems as answers show them, of their code, detail and errors.
fn problems(examples: &Value) -> Value {
    let problem = |(name, example): (&String, &Value)| {
        let code = example["code"].as_str().unwrap_or_default();
        let known = KINDS.iter().find(|(_, known, _)| *known == code);
        let (status, title) = known.map_or((0, ""), |(status, _, title)| (status.as_u16(), *title));
        let value = json!({
            "type": format!("/docs/problems#{code}"), "title": title, "status": status, "detail": example["detail"],
            "code": code, "request_id": RequestId::EXAMPLE, "errors": example["errors"],
        });
        let mut shown = json!({ "value": value });
        if let Some(summary) = example.get("summary") {
            shown["summary"] = summary.clone();
        }
        (name.clone(), shown)
    };
    examples.as_object().into_iter().flatten().map(problem).collect::<Map<_, _>>().into()
}

/// The viewer is a program that asks this server alone; it writes styles into its elements.
const VIEWER_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                             img-src 'self' data:; connect-src 'self'; base-uri 'none'; \
                             form-action 'none'; frame-ancestors 'none'";

/// `GET /openapi.json`
pub(crate) async fn document(request: HttpRequest, document: web::Data<Document>) -> HttpResponse {
    document.0.answer(&request).await
}

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

static VIEWER: LazyLock<BTreeMap<&str, StaticFile>> = LazyLock::new(|| {
    // Without these words it would show every document's address to a validator on the internet.
    let config = Config::from("/openapi.json").validator_url("none").try_it_out_enabled(true);
    let config = Arc::new(config);
    let page = |name| {
        let found = utoipa_swagger_ui::serve(name, Arc::clone(&config)).ok().flatten()?;
        let charset = if found.content_type.starts_with("text/") { "; charset=utf-8" } else { "" };
        let content_type = format!("{}{charset}", found.content_type);
        Some((name, StaticFile::new(&content_type, VIEWER_POLICY, found.bytes.into_owned())))
    };
    VIEWER_FILES.into_iter().filter_map(page).collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_viewer_has_all_its_files() {
        assert_eq!(VIEWER.keys().copied().collect::<Vec<_>>(), VIEWER_FILES);
    }
}
