//! The HTTP library, behind streams that are watched over.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{HttpService, KeepAlive, Protocol};
use actix_service::{
    IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt, apply_fn_factory, map_config,
};
use actix_web::dev::AppConfig;
use actix_web::rt::net::TcpStream;

use super::application::{Shared, application};
use crate::connections::{Connections, Guarded, PIECE};

/// Time that a client has for reading the end of an answer when its connection is closed.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// What takes each connection of a worker to its end.
pub(super) fn service(
    connections: &Arc<Connections>,
    shared: &Shared,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = DispatchError, InitError = ()> + use<>
{
    let (connections, shared) = (Arc::clone(connections), shared.clone());
    let app = application(shared).into_factory().map_err(|error| error.error_response());
    let app = map_config(app, |()| AppConfig::default());
    let http = HttpService::build()
        // `Guarded` has the deadlines.
        .keep_alive(KeepAlive::Os)
        .client_request_timeout(Duration::ZERO)
        .client_disconnect_timeout(DISCONNECT_TIMEOUT)
        .h1_write_buffer_size(PIECE)
        .on_connect_ext(|stream: &Guarded, data| drop(data.insert(stream.connection())))
        .finish(app);
    apply_fn_factory(http, move |stream: TcpStream, http| {
        let connections = Arc::clone(&connections);
        let peer = stream.peer_addr().ok();
        let ended =
            Guarded::admit(stream, &connections).map(|guarded| http.call((guarded, Protocol::Http1, peer)));
        async move {
            // What cannot be read is counted before the client sees the end.
            let mut ended = pin!(ended.ok_or(DispatchError::InternalError)?);
            ended.as_mut().await.inspect_err(|error| {
                if let DispatchError::Parse(reason) = error {
                    connections.cannot_read(peer, reason);
                }
            })
        }
    })
}
