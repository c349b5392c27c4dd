//! The yardstick of `benches/serve`: an actix server with one route that reads the body and answers
//! with a constant. Whatever a server of this kind does, it cannot be faster than this one.

#![allow(clippy::print_stdout)]

use std::net::TcpListener;

use actix_web::web::Bytes;
use actix_web::{App, HttpResponse, HttpServer, rt::System, web};

/// As long as the answer to one valuation.
const ANSWER: &str = r#"{"request_id":"0197f2a4-8c1b-7e52-9d3a-5b6c7d8e9f01","price_usd":9312.0,"price_per_carat_usd":7760.0,"assumed":["depth","table","x","y","z"],"warnings":[],"model":{"version":7,"family":"xgboost","digest":"sha256:2e2c0bba3de4c6e062389964fde3fa6f7fb3ed1449b753db1d8ba0b454061485"}}"#;

async fn constant(_body: Bytes) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(ANSWER)
}

fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("Listening on http://{}; Ctrl-C ends it.", listener.local_addr()?);
    System::new().block_on(async move {
        let app = || App::new().route("/v1/valuations", web::post().to(constant));
        HttpServer::new(app).listen(listener)?.run().await
    })
}
