//! The files for browsers: the folder that the build of the browser part has filled.

use std::{future::ready, path::Path};

use axum::{
    Router,
    http::{HeaderValue, StatusCode, header::CACHE_CONTROL},
};
use tower_http::{services::ServeDir, set_header::SetResponseHeader};

use super::{config::Config, words};

/// Asked for again each time, and answered with 304 while it is the same.
const CHECKED: &str = "no-cache";
/// Kept for a year: another content has another name.
const KEPT: &str = "public, max-age=31536000, immutable";

/// A service that answers with a file, or with what stands in for it.
type Files = SetResponseHeader<ServeDir<Router>, HeaderValue>;

/// The scripts and styles under `/pkg`.
pub fn package_files(config: &Config) -> Files {
    let not_found = Router::new().fallback(|| ready(words::page(StatusCode::NOT_FOUND)));
    let folder = Path::new(&*config.leptos.site_root).join(&*config.leptos.site_pkg_dir);
    files(&folder, if config.leptos.hash_files { KEPT } else { CHECKED }, not_found)
}

/// The other files: the icon, robots.txt; what isn't there goes to the page that says so.
pub fn root_files(config: &Config, not_found: Router) -> Files {
    files(Path::new(&*config.leptos.site_root), CHECKED, not_found)
}

/// Compressed where a compressed file lies beside.
fn files(folder: &Path, cache: &'static str, not_found: Router) -> Files {
    let serve = ServeDir::new(folder)
        .append_index_html_on_directories(false)
        .call_fallback_on_method_not_allowed(true)
        .precompressed_br()
        .precompressed_gzip()
        .fallback(not_found);
    SetResponseHeader::if_not_present(serve, CACHE_CONTROL, HeaderValue::from_static(cache))
}
