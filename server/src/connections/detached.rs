//! The answer to a request whose body cannot be read: the HTTP library takes pieces that do not fit together for a client
//! that is gone and drops its end of the connection, but the client is there and waits for an answer.

use std::time::Duration;

use actix_codec::Encoder;
use actix_http::h1::{Codec, Message};
use actix_http::{Response, body::BodySize};
use actix_web::HttpResponse;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::rt::net::TcpStream;
use actix_web::web::BytesMut;
use tokio::io::{AsyncWriteExt, copy, sink};
use tokio::time::timeout;

/// Time in which a client must have taken the answer.
const DELIVERY: Duration = Duration::from_secs(10);
/// What the client is still sending after that is read and thrown away for so long: a connection that is closed with
/// bytes unread takes the answer along.
const LINGER: Duration = Duration::from_secs(1);

/// Sends an answer on a connection that nobody else serves any more, and ends it.
pub(crate) async fn send_detached(mut stream: TcpStream, mut answer: HttpResponse<BoxBody>) {
    answer.head_mut().set_connection_type(actix_http::ConnectionType::Close);
    let (head, body) = Response::from(answer).into_parts();
    // Answers are documents that are there already; nothing is streamed.
    let Ok(body) = body.try_into_bytes() else { return };
    let (mut codec, mut bytes) = (Codec::default(), BytesMut::new());
    let size = BodySize::Sized(body.len() as u64);
    // A client that does not take it is no longer there.
    if codec.encode(Message::Item((head, size)), &mut bytes).is_ok()
        && codec.encode(Message::Chunk(Some(body)), &mut bytes).is_ok()
        && matches!(timeout(DELIVERY, stream.write_all(&bytes)).await, Ok(Ok(())))
        && stream.shutdown().await.is_ok()
    {
        let _ = timeout(LINGER, copy(&mut stream, &mut sink())).await;
    }
}
