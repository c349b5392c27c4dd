//! What a request goes through, and which address it then comes to.

use std::sync::{Arc, mpsc};

use actix_service::ServiceFactory;
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::{Condition, from_fn};
use actix_web::{App, HttpResponse, Resource, Route, web};

use xtream_core::dataset::Reading;

use crate::admin::AdminKey;
use crate::compression::pack;
use crate::connections::Connections;
use crate::cross_origin::other_sites;
use crate::docs::guide::Listening;
use crate::docs::{self, guide, openapi, problems};
use crate::exchanges::ExchangeLog;
use crate::limits::{Limiters, check_limits};
use crate::middleware::{assign_request_id, record, render_problem};
use crate::pages;
use crate::problem::Problem;
use crate::request::body::Deadline;
use crate::request::client::BehindProxy;
use crate::request_id::Numbers;
use crate::routes::{Entry, READ, api, get};
use crate::serving::State;
use crate::serving::model_cache::ModelCache;
use crate::serving::watcher::Promoted;

/// What all requests share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) listening: web::Data<Listening>,
    pub(super) document: web::Data<openapi::Document>,
    pub(super) connections: web::Data<Connections>,
    pub(super) state: web::Data<State>,
    pub(super) model_cache: web::Data<ModelCache>,
    pub(super) watcher: web::Data<mpsc::Sender<Promoted>>,
    pub(super) log: web::Data<ExchangeLog>,
    pub(super) body_deadline: web::Data<Deadline>,
    pub(super) limiters: web::Data<Limiters>,
    pub(super) behind_proxy: web::Data<BehindProxy>,
    pub(super) admin_key: web::Data<AdminKey>,
    pub(super) numbers: web::Data<Numbers>,
    pub(super) shops_reading: web::Data<Reading>,
    pub(super) allowed_origins: Arc<[String]>,
}

/// What a request goes through, from the last of the wraps to the first: number, packing, record, wording of
/// what the rules for other sites refuse, those rules, wording of every other refusal, limits; and
/// then its route.
pub(super) fn application(
    shared: Shared,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<BoxBody>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    let Shared {
        listening,
        document,
        connections,
        state,
        model_cache,
        watcher,
        log,
        body_deadline,
        limiters,
        behind_proxy,
        admin_key,
        numbers,
        shops_reading,
        allowed_origins,
    } = shared;
    App::new()
        .app_data(listening)
        .app_data(document)
        .app_data(connections)
        .app_data(state)
        .app_data(model_cache)
        .app_data(watcher)
        .app_data(log)
        .app_data(body_deadline)
        .app_data(limiters)
        .app_data(behind_proxy)
        .app_data(admin_key)
        .app_data(numbers)
        .app_data(shops_reading)
        .wrap(from_fn(check_limits))
        .wrap(from_fn(render_problem))
        .wrap(Condition::new(!allowed_origins.is_empty(), other_sites(&allowed_origins)))
        .wrap(from_fn(render_problem))
        .wrap(from_fn(record))
        .wrap(from_fn(pack))
        .wrap(from_fn(assign_request_id))
        .configure(routes)
        .default_service(web::to(unknown_route))
}

/// What people read.
fn pages() -> Vec<Entry> {
    let pages = pages::addresses().map(|path| (path, get().to(pages::page)));
    let files = [
        ("/page/{file:[^/]*}", get().to(pages::file)),
        ("/openapi.json", get().to(openapi::document)),
        ("/docs", get().to(openapi::entrance)),
        ("/docs/guide", get().to(guide::page)),
        ("/docs/problems", get().to(problems::page)),
        ("/docs/style.css", get().to(docs::style)),
        // The empty name is the folder itself.
        ("/docs/{file:[^/]*}", get().to(openapi::viewer)),
    ];
    pages.chain(files).map(|(path, route)| (path.to_owned(), READ, route)).collect()
}

fn routes(config: &mut web::ServiceConfig) {
    for (path, allowed, route) in api().into_iter().map(|(_, entry)| entry).chain(pages()) {
        config.service(at(&path, allowed, route));
    }
}

/// A path with its one route; every other method is answered with those that are allowed.
fn at(path: &str, allowed: &'static str, route: Route) -> Resource {
    let refuse = move || async move { Err::<HttpResponse, _>(Problem::method_not_allowed(allowed)) };
    web::resource(path).route(route).default_service(web::to(refuse))
}

async fn unknown_route(request: actix_web::HttpRequest) -> Result<HttpResponse, Problem> {
    Err(Problem::unknown_route(request.path()))
}
