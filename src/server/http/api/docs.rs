//! The description of the API as a file, and as a page for people. The page's program and styles
//! come from here alone, and may reach nothing else.

use std::sync::{Arc, LazyLock};

use axum::{
    Router,
    body::Bytes,
    extract::Path,
    http::{
        HeaderValue,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE},
    },
    response::{Html, IntoResponse, Redirect, Response},
    routing::{any, get},
};
use tower_http::set_header::SetResponseHeaderLayer;

use super::{describe::description_text, method_not_allowed, problem::Problem};
use crate::server::AppState;

const PAGE: &str = include_str!("docs/page.html");
const START: &str = include_str!("docs/start.js");
const STYLE: &str = include_str!("docs/page.css");

/// The page's icons are images within its style.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                      img-src 'self' data:; connect-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// The routes, and what is told of addresses below `/api` that lead nowhere.
pub fn routes() -> Router<AppState> {
    let policy = HeaderValue::from_static(POLICY);
    let nothing = || any(|| async { Problem::not_found("address") });
    Router::new()
        .route("/api/docs", get(|| async { Html(PAGE) }).fallback(method_not_allowed))
        .route("/api/docs/", any(|| async { Redirect::permanent("/api/docs") }))
        .route("/api/docs/{file}", get(file).fallback(method_not_allowed))
        .layer(SetResponseHeaderLayer::overriding(CONTENT_SECURITY_POLICY, policy))
        .route(
            "/api/v1/openapi.json",
            get(|| async { description_file() }).fallback(method_not_allowed),
        )
        .layer(SetResponseHeaderLayer::if_not_present(
            CACHE_CONTROL,
            HeaderValue::from_static("no-cache"),
        ))
        .route("/api", nothing())
        .route("/api/", nothing())
        .route("/api/{*rest}", nothing())
}

/// The description, written once: to write it for each who asks would cost more than most answers.
fn description_file() -> impl IntoResponse {
    static FILE: LazyLock<Bytes> = LazyLock::new(|| description_text().into());
    ([(CONTENT_TYPE, "application/json")], FILE.clone())
}

/// A file of the page.
async fn file(Path(name): Path<String>) -> Result<Response, Problem> {
    let ours = |media_type: &'static str, text: &'static str| {
        Ok(([(CONTENT_TYPE, media_type)], text).into_response())
    };
    match name.as_str() {
        "start.js" => return ours("text/javascript", START),
        "page.css" => return ours("text/css", STYLE),
        // The rest of the vendored bundle is another page, which asks for what this one forbids.
        "swagger-ui.css" | "swagger-ui-bundle.js" => {}
        _ => return Err(Problem::not_found("file")),
    }
    let found = utoipa_swagger_ui::serve(&name, Arc::default()).ok().flatten();
    let found = found.ok_or_else(|| Problem::not_found("file"))?;
    Ok(([(CONTENT_TYPE, found.content_type)], found.bytes.into_owned()).into_response())
}
