//! An operation on screen: one colour and one shape, the same in chart, legend, table and badge.

use leptos::prelude::*;

use crate::credits::Operation;

/// The class that sets an operation's colour.
const fn class(operation: Operation) -> &'static str {
    match operation {
        Operation::Inference => "op op-inference",
        Operation::Strategy => "op op-strategy",
        Operation::Backtest => "op op-backtest",
        Operation::Analysis => "op op-analysis",
    }
}

/// The class of an operation's part of a bar.
#[must_use]
pub const fn bar_class(operation: Operation) -> &'static str {
    match operation {
        Operation::Inference => "bar-inference",
        Operation::Strategy => "bar-strategy",
        Operation::Backtest => "bar-backtest",
        Operation::Analysis => "bar-analysis",
    }
}

/// A circle, a triangle, a square, a diamond: so that nothing hangs on colour alone.
const fn shape(operation: Operation) -> &'static str {
    match operation {
        Operation::Inference => "M10 5A5 5 0 1 1 0 5a5 5 0 0 1 10 0z",
        Operation::Strategy => "M5 0 10 10H0z",
        Operation::Backtest => "M.5.5h9v9h-9z",
        Operation::Analysis => "M5-.5 10.5 5 5 10.5-.5 5z",
    }
}

#[component]
fn Mark(operation: Operation) -> impl IntoView {
    view! {
        <svg class="op-mark" viewBox="-1 -1 12 12" aria-hidden="true">
            <path d=shape(operation)></path>
        </svg>
    }
}

/// Its mark and its name.
#[component]
pub fn OperationName(
    /// Which one.
    operation: Operation,
) -> impl IntoView {
    view! { <span class=class(operation)><Mark operation/>{operation.name()}</span> }
}

/// Its mark and its name on a badge.
#[component]
pub fn OperationBadge(
    /// Which one.
    operation: Operation,
) -> impl IntoView {
    let class = format!("badge {}", class(operation));
    view! { <span class=class><Mark operation/>{operation.name()}</span> }
}
