//! The description of the API as a law: each status that a route answers is documented, and each
//! body is what its schema says.

use std::sync::LazyLock;

use axum::http::Method;
use serde_json::Value;

use crate::{api::Told, api_schema::misfit};

/// The description, as programs read it.
pub static DESCRIPTION: LazyLock<Value> =
    LazyLock::new(|| serde_json::to_value(recharge::server::http::api::description()).unwrap());

/// A route of the description.
#[derive(Clone, Copy)]
pub struct Route {
    pub method: &'static str,
    /// Its address below `/api/v1`: `/holds/{id}`.
    pub template: &'static str,
    pub operation: &'static Value,
}

impl Route {
    /// The statuses that it is said to answer.
    pub fn statuses(&self) -> Vec<u16> {
        let responses = self.operation["responses"].as_object().unwrap();
        responses.keys().map(|status| status.parse().unwrap()).collect()
    }

    /// Its address for this id.
    pub fn path(&self, id: &str) -> String {
        self.template.replace("{id}", id)
    }

    fn is_at(&self, method: &Method, path: &str) -> bool {
        let mut parts = self.template.split('/');
        let mut asked = path.split('?').next().unwrap_or_default().split('/');
        let fits =
            parts.by_ref().zip(asked.by_ref()).all(|(part, it)| part == it || part == "{id}");
        self.method == method.as_str()
            && fits
            && self.template.matches('/').count()
                == path.split('?').next().unwrap_or_default().matches('/').count()
    }
}

/// All routes of the description.
pub fn routes() -> Vec<Route> {
    let paths = DESCRIPTION["paths"].as_object().unwrap();
    let mut routes = Vec::new();
    for (path, methods) in paths {
        let template = path.strip_prefix("/api/v1").unwrap();
        for (name, operation) in methods.as_object().unwrap() {
            let method = match name.as_str() {
                "get" => "GET",
                "post" => "POST",
                "delete" => "DELETE",
                other => panic!("{other} {path} is asked by no test"),
            };
            routes.push(Route { method, template, operation });
        }
    }
    routes
}

/// Holds an answer against the description, and tells the template of the route; none where there
/// is no such route.
#[track_caller]
pub fn hold(method: &Method, path: &str, told: &Told, is_empty: bool) -> Option<String> {
    let status = told.status.as_u16();
    let content_type = told.header("content-type");
    if status >= 400 {
        assert_eq!(content_type, "application/problem+json", "{method} {path}: {told:?}");
        let problem = &told.json;
        assert_eq!(problem["status"], status, "{method} {path}");
        assert_eq!(problem["title"].as_str(), told.status.canonical_reason(), "{method} {path}");
        let code = problem["code"].as_str().unwrap();
        assert_eq!(problem["type"], format!("urn:recharge:{code}"), "{method} {path}");
        assert!(problem["detail"].as_str().is_some_and(|it| !it.is_empty()), "{problem}");
        let waits = !told.header("retry-after").is_empty();
        assert_eq!(waits, status == 429 || status == 503, "{method} {path}: {told:?}");
    }
    let route = routes().into_iter().find(|route| route.is_at(method, path))?;
    let response = &route.operation["responses"][status.to_string()];
    assert!(response.is_object(), "{method} {path}: {status} is not documented: {told:?}");
    match response["content"].as_object() {
        None => assert!(is_empty, "{method} {path}: {status} has a body: {told:?}"),
        Some(content) => {
            let (media_type, content) = content.iter().next().unwrap();
            assert_eq!(content_type, media_type, "{method} {path}");
            if let Some(misfit) = misfit(&content["schema"], &told.json) {
                panic!("{method} {path}: {status} is not as documented: {misfit}: {}", told.json);
            }
        }
    }
    Some(route.template.to_owned())
}
