//! One file a resource. Path, method and description of a route stand beside its handler; `api` lists them.

mod certificate;
mod exchanges;
mod files;
mod models;
mod probes;
mod question;
mod similar;
mod valuations;

use actix_web::{Route, guard, web};

use crate::docs::openapi::{Described, Handled};

/// A path, the methods that it takes, and what answers them.
pub(crate) type Entry = (String, &'static str, Route);

/// Who may read a thing may ask for its headers alone.
pub(crate) const READ: &str = "GET, HEAD";

/// What programs ask, with its description.
pub(crate) fn api() -> Vec<(Described, Entry)> {
    vec![
        entry::<valuations::__path_one>(|route| route.to(valuations::one)),
        entry::<valuations::__path_batch>(|route| route.to(valuations::batch)),
        entry::<files::__path_read>(|route| route.to(files::read)),
        entry::<certificate::__path_one>(|route| route.to(certificate::one)),
        entry::<similar::__path_nearest>(|route| route.to(similar::nearest)),
        entry::<models::__path_list>(|route| route.to(models::list)),
        entry::<models::__path_champion>(|route| route.to(models::champion)),
        entry::<models::__path_one>(|route| route.to(models::one)),
        entry::<models::__path_promote>(|route| route.to(models::promote)),
        entry::<exchanges::__path_list>(|route| route.to(exchanges::list)),
        entry::<exchanges::__path_one>(|route| route.to(exchanges::one)),
        entry::<probes::__path_live>(|route| route.to(probes::live)),
        entry::<probes::__path_ready>(|route| route.to(probes::ready)),
        entry::<probes::__path_metrics>(|route| route.to(probes::metrics)),
    ]
}

fn entry<P: Handled>(to: fn(Route) -> Route) -> (Described, Entry) {
    let described = Described::new::<P>();
    let (allowed, route) = if described.is_read() { (READ, get()) } else { ("POST", web::post()) };
    let entry = (described.path.clone(), allowed, to(route));
    (described, entry)
}

/// Whoever may read a thing may ask for its headers alone.
pub(crate) fn get() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}
