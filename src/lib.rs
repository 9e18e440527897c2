//! Recharge: the credits system of an AI trading platform.

pub mod app;
pub mod components;
pub mod credits;
pub mod pages;
