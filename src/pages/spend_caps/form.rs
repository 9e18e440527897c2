//! The form of the caps, each beside what was used of it.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    components::{FieldError, day_text, days_from_to},
    credits::{CapUse, Credits, Cycle, Operation, is_nearly_used},
    pages::operation::OperationName,
};

const NO_AMOUNT: &str = "Write an amount of credits such as 1,000 or 12.5, with a point before decimals, or leave it empty for no cap.";

/// What a cap is for: all operations, or one.
pub type CapField = Option<Operation>;

/// The form as it was entered, where it came back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnteredCaps {
    /// What was entered for all operations, then for each, and whether it is no amount.
    pub fields: [(String, bool); 5],
    /// Whether nothing could be saved.
    pub is_away: bool,
}

/// One cap, and what was used of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapLine {
    /// What it is for; none: all operations.
    pub field: CapField,
    /// The cap as it stands in the field; empty where there is none.
    pub text: String,
    /// The cap.
    pub cap: Option<Credits>,
    /// What was consumed in this cycle or is held.
    pub used: Credits,
    /// Whether what was entered is no amount.
    pub has_problem: bool,
}

impl CapLine {
    /// All operations, then each.
    #[must_use]
    pub fn lines(caps: &CapUse, entered: Option<&EnteredCaps>) -> Vec<Self> {
        let all = std::iter::once((None, caps.caps.all, caps.used.iter().copied().sum()));
        let each = Operation::ALL.into_iter().zip(caps.caps.by_operation).zip(caps.used);
        let each = each.map(|((operation, cap), used)| (Some(operation), cap, used));
        let line = |(index, (field, cap, used)): (usize, (CapField, Option<Credits>, Credits))| {
            let entered = entered.map(|entered| entered.fields[index].clone());
            let saved = || (cap.map(Credits::plain).unwrap_or_default(), false);
            let (text, has_problem) = entered.unwrap_or_else(saved);
            Self { field, text, cap, used, has_problem }
        };
        all.chain(each).enumerate().map(line).collect()
    }

    /// The name of the field in the form.
    fn id(&self) -> &'static str {
        self.field.map_or("all", Operation::id)
    }
}

/// The form.
#[component]
pub fn CapsForm(
    /// All operations, then each.
    lines: Vec<CapLine>,
    /// The billing cycle that they count in.
    cycle: Cycle,
    /// The zone in which its days begin.
    zone: String,
) -> impl IntoView {
    let first_problem = lines.iter().position(|line| line.has_problem);
    let lines = lines.into_iter().enumerate().map(|(index, line)| {
        let until = day_text(cycle.end);
        view! { <Line line until has_focus=first_problem == Some(index)/> }
    });
    let span = format!("{} ({zone})", days_from_to(cycle.first, cycle.last()));
    view! {
        <form
            class="panel panel-body spend-caps"
            method="post"
            action="/settings/spend-caps"
            autocomplete="off"
            novalidate=true
        >
            <p class="small">
                "Counted in this billing cycle, " {span}
                ": what was consumed, and what is held for work under way. Leave a field empty for no cap."
            </p>
            {lines.collect_view()}
            <button class="button button-primary" type="submit">"Save the caps"</button>
        </form>
    }
}

#[component]
fn Line(line: CapLine, until: String, has_focus: bool) -> impl IntoView {
    let id = line.id();
    let label = match line.field {
        None => view! { "All operations" }.into_any(),
        Some(operation) => view! { <OperationName operation/> }.into_any(),
    };
    let is_reached = line.cap.is_some_and(|cap| line.used >= cap);
    let is_near = line.cap.is_some_and(|cap| is_nearly_used(cap, line.used));
    let of = line.cap.map(|cap| format!(" of {cap}"));
    let used = format!("{}{} credits used", line.used, of.unwrap_or_default());
    let spoken = used.clone();
    let meter = line.cap.map(|cap| {
        let (value, max) = (line.used.thousandths(), cap.thousandths().max(1));
        view! {
            <progress class:is-warn=is_near value=value.min(max) max=max aria-label=spoken></progress>
        }
    });
    let refused = is_reached.then(|| {
        view! { <span class="warn">{format!(": nothing more before {until}")}</span> }
    });
    let error = line.has_problem.then(|| NO_AMOUNT.to_owned());
    view! {
        <div class="field">
            <label for=id>{label}</label>
            <span class="affix">
                <input
                    class="input"
                    id=id
                    name=id
                    inputmode="decimal"
                    maxlength="24"
                    value=line.text
                    placeholder="No cap"
                    aria-invalid=line.has_problem.then_some("true")
                    autofocus=has_focus
                    aria-describedby=format!("{id}-used {id}-error")
                />
                <span class="unit" aria-hidden="true">"credits"</span>
            </span>
            <span class="hint" id=format!("{id}-used") data-live="">{used} {refused}</span>
            <span class="meter" id=format!("{id}-meter") data-live="">{meter}</span>
            <FieldError id words=error/>
        </div>
    }
}
