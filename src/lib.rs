//! Recharge: the credits system of an AI trading platform.

pub mod app;
pub mod components;
pub mod credits;
pub mod pages;
#[cfg(feature = "ssr")]
pub mod server;

/// Wakes the islands up: the page calls it once its program is loaded.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_islands();
}
