//! The files for browsers: the folder that the build of the browser part has filled.

use std::{
    future::ready,
    path::{Path, PathBuf},
};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header::CACHE_CONTROL},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use tower::ServiceExt;
use tower_http::{services::ServeDir, set_header::SetResponseHeader};

use super::{config::Config, words};

/// Asked for again each time, and answered with 304 while it is the same.
const CHECKED: &str = "no-cache";
/// Kept for a year: another content has another name.
const KEPT: &str = "public, max-age=31536000, immutable";

/// A longer name or path is not found, without asking the file system: beyond its own limits (255
/// bytes for a name and 4,096 for a path on Linux) that is an error.
const LONGEST_NAME_BYTES: usize = 255;
const LONGEST_PATH_BYTES: usize = 1_024;

fn package_folder(config: &Config) -> PathBuf {
    Path::new(&*config.leptos.site_root).join(&*config.leptos.site_pkg_dir)
}

/// Warns if there are no files: the API works without them, but pages look broken.
pub fn warn_if_missing(config: &Config) {
    let folder = package_folder(config);
    if !folder.is_dir() {
        let folder = folder.display();
        tracing::warn!("there are no styles and scripts in {folder}; LEPTOS_SITE_ROOT says where");
    }
}

/// The scripts and styles under `/pkg`.
pub fn package_files(config: &Config) -> Router {
    let not_found = Router::new().fallback(|| ready(words::page(StatusCode::NOT_FOUND)));
    let folder = package_folder(config);
    files(&folder, if config.leptos.hash_files { KEPT } else { CHECKED }, not_found)
}

/// The other files: the icon, robots.txt; what isn't there goes to the page that says so.
pub fn root_files(config: &Config, not_found: Router) -> Router {
    files(Path::new(&*config.leptos.site_root), CHECKED, not_found)
}

/// Compressed where a compressed file lies beside.
fn files(folder: &Path, cache: &'static str, not_found: Router) -> Router {
    let serve = ServeDir::new(folder)
        .append_index_html_on_directories(false)
        .call_fallback_on_method_not_allowed(true)
        .precompressed_br()
        .precompressed_gzip()
        .fallback(not_found.clone());
    let cache = HeaderValue::from_static(cache);
    let serve = SetResponseHeader::if_not_present(serve, CACHE_CONTROL, cache);
    Router::new().fallback_service(serve).layer(from_fn_with_state(not_found, only_names))
}

/// Asks the file system only for what can be the name of a file.
async fn only_names(State(not_found): State<Router>, request: Request, next: Next) -> Response {
    if can_be_file(request.uri().path()) {
        return next.run(request).await;
    }
    not_found.oneshot(request).await.into_response()
}

fn can_be_file(path: &str) -> bool {
    path.len() <= LONGEST_PATH_BYTES && path.split('/').all(|name| name.len() <= LONGEST_NAME_BYTES)
}
