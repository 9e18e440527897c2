//! Answers some requests before they go on.

use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use axum::{extract::Request, response::Response};
use futures::future::{Either, Ready, ready};
use tower::{Layer, Service, layer::layer_fn};

/// Returns the answer to a request that goes no further. Returns `None` if the request goes on.
type Answer = fn(&Request) -> Option<Response>;

/// Makes a layer that calls `answer` first and passes on only the requests without an answer. A
/// middleware function would do the same, but copy the service behind it for each request.
pub fn early<S>(answer: Answer) -> impl Layer<S, Service = Early<S>> + Clone {
    layer_fn(move |inner| Early { inner, answer })
}

/// A service behind the layer of [`early`].
#[derive(Clone, Debug)]
pub struct Early<S> {
    inner: S,
    answer: Answer,
}

impl<S> Service<Request> for Early<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Ready<Result<Response, Infallible>>, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match (self.answer)(&request) {
            Some(answer) => Either::Left(ready(Ok(answer))),
            None => Either::Right(self.inner.call(request)),
        }
    }
}
