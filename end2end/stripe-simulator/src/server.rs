//! The listening side: a small HTTP server that can also drop a connection without an answer.
use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, get};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tower::ServiceExt;

use crate::inner::Inner;
use crate::{api, checkout, control};

/// Marks an answer that must not be given: the connection is closed instead.
#[derive(Clone, Copy, Debug)]
pub struct DroppedConnection;

/// All routes.
pub fn router(inner: Arc<Inner>) -> Router {
    Router::new()
        .route("/", get(|| async { Redirect::temporary("/_control") }))
        .route("/v1/{*path}", any(api::answer))
        .merge(checkout::routes())
        .nest("/_control", control::routes())
        .with_state(inner)
}

/// Accepts connections until the task is ended.
pub async fn run(listener: TcpListener, router: Router, inner: Arc<Inner>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let _ = stream.set_nodelay(true);
                inner.spawn(connection(TokioIo::new(stream), router.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    }
}

async fn connection(io: TokioIo<tokio::net::TcpStream>, router: Router) {
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        answer(router.clone(), request.map(Body::new))
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(io, service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn answer(router: Router, request: Request) -> io::Result<Response> {
    let answered: Result<Response, Infallible> = router.oneshot(request).await;
    let response = answered.unwrap_or_else(IntoResponse::into_response);
    if response.extensions().get::<DroppedConnection>().is_some() {
        return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "dropped on purpose"));
    }
    Ok(response)
}
