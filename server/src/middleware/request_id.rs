//! The outermost middleware: gives every exchange its number, and has the connection know that one is under way.

use std::sync::Arc;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, web};

use super::common_headers::common_headers;
use crate::connections::{Connection, Connections, Piecemeal, UnderWay};
use crate::problem::Problem;
use crate::request::client::{BehindProxy, Client};
use crate::request_id::Numbers;

/// Numbers every exchange; the outermost of the middlewares.
pub(crate) async fn assign_request_id(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let numbers = request.app_data::<web::Data<Numbers>>();
    let id = numbers.ok_or_else(|| Problem::internal("nobody gives numbers here"))?.next();
    request.extensions_mut().insert(id);
    let is_behind_proxy = request.app_data::<web::Data<BehindProxy>>().is_some_and(|proxy| proxy.0);
    let client = Client::of(&request, is_behind_proxy);
    request.extensions_mut().insert(client);
    let under_way = under_way(&request);
    let response = next.call(request).await;
    if let Some(under_way) = under_way {
        under_way.end();
    }
    let mut response = response?.map_into_boxed_body();
    common_headers(response.headers_mut(), id);
    let connection = response.request().conn_data::<Arc<Connection>>().cloned();
    let connections = response.request().app_data::<web::Data<Connections>>().cloned();
    Ok(match connection.zip(connections) {
        Some((connection, connections)) => {
            response.map_body(|_, body| Piecemeal::answer(body, &connection, &connections.into_inner()))
        }
        None => response,
    })
}

/// Has the connection know that a request is under way on it.
fn under_way(request: &ServiceRequest) -> Option<UnderWay> {
    let connections = request.app_data::<web::Data<Connections>>()?;
    Some(Arc::clone(connections).begin(request.conn_data::<Arc<Connection>>()?))
}
