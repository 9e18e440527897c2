//! The amounts: when, how much, and at most how often and for what.

use leptos::prelude::*;

use super::{AutoRechargePage, PATH};
use crate::{
    components::{Glyph, Icon, plural},
    credits::{RechargeForm, RechargeProblems},
    pages::buy::grouped,
};

/// The form; it changes nothing, but leads to the words to agree to.
#[component]
pub fn ChooseForm(
    /// The page that it stands on.
    page: AutoRechargePage,
) -> impl IntoView {
    let AutoRechargePage { packages, currency, form, problems, recharge, is_open, .. } = page;
    let back = recharge.is_on.then(|| view! { <a class="button" href=PATH>"Back"</a> });
    let per_day = RechargeForm::PER_DAY.map(|times| {
        (times.to_string(), format!("{} in 24 hours", plural(times.into(), "charge", "charges")))
    });
    let cooldowns = RechargeForm::COOLDOWNS.map(|hours| {
        (hours.to_string(), format!("{} apart", plural(hours.into(), "hour", "hours")))
    });
    let focus = first_problem(&problems);
    let money =
        view! { <span class="unit" aria-hidden="true">{currency.code().to_uppercase()}</span> };
    view! {
        <form
            class="panel panel-body recharge-form"
            method="get"
            action=PATH
            autocomplete="off"
            novalidate=true
        >
            <h2>"Amounts"</h2>
            <Field
                id="threshold"
                label="Buy when fewer credits than this are available"
                hint="Held credits are not available. At most what one recharge adds."
                problem=problems.threshold
            >
                <Affixed id="threshold" value=form.threshold focus>
                    <span class="unit" aria-hidden="true">"credits"</span>
                </Affixed>
            </Field>
            <Field id="package" label="Buy each time" hint="At today\u{2019}s price; a higher one needs your agreement first." problem=problems.package>
                <select class="select" id="package" name="package" autofocus=focus == Some("package")>
                    {packages.into_iter().map(|(id, credits, total)| {
                        let selected = id == form.package;
                        let words = format!("{} credits for {total}", grouped(credits));
                        view! { <option value=id selected=selected>{words}</option> }
                    }).collect_view()}
                    <option value="custom" selected=form.package == "custom">"Another amount"</option>
                </select>
            </Field>
            <div class="own">
                <Field id="amount" label="Another amount" hint="Whole credits, at the price of the schedule." problem=problems.amount>
                    <Affixed id="amount" value=form.amount focus>
                        <span class="unit" aria-hidden="true">"credits"</span>
                    </Affixed>
                </Field>
            </div>
            <Field
                id="monthly_cap"
                label="At most in a calendar month"
                hint="From the first to the last day of the month in UTC. At least the price of one recharge."
                problem=problems.monthly_cap
            >
                <Affixed id="monthly_cap" value=form.monthly_cap focus>{money}</Affixed>
            </Field>
            <div class="pair">
                <Field id="per_day" label="At most" hint="" problem=problems.per_day>
                    <Select id="per_day" chosen=form.per_day options=per_day.to_vec()/>
                </Field>
                <Field id="cooldown" label="At least" hint="" problem=problems.cooldown>
                    <Select id="cooldown" chosen=form.cooldown options=cooldowns.to_vec()/>
                </Field>
            </div>
            <div class="row">
                <button class="button button-primary" type="submit" disabled=!is_open>
                    "Continue"
                </button>
                {back}
            </div>
            <p class="small">"Nothing is switched on yet: the next page says what you would agree to."</p>
        </form>
    }
}

/// The first field with a problem has the focus.
fn first_problem(problems: &RechargeProblems) -> Option<&'static str> {
    let all = [
        ("threshold", &problems.threshold),
        ("package", &problems.package),
        ("amount", &problems.amount),
        ("monthly_cap", &problems.monthly_cap),
        ("per_day", &problems.per_day),
        ("cooldown", &problems.cooldown),
    ];
    all.into_iter().find(|(_, problem)| problem.is_some()).map(|(id, _)| id)
}

#[component]
fn Field(
    id: &'static str,
    label: &'static str,
    hint: &'static str,
    problem: Option<String>,
    children: Children,
) -> impl IntoView {
    let hint = (!hint.is_empty() && problem.is_none())
        .then(|| view! { <span class="hint" id=format!("{id}-hint")>{hint}</span> });
    let error = problem.map(|problem| {
        view! {
            <span class="error" id=format!("{id}-error")>
                <Icon glyph=Glyph::CrossCircle size=14/>
                {problem}
            </span>
        }
    });
    view! {
        <div class="field">
            <label for=id>{label}</label>
            {children()}
            {hint}
            {error}
        </div>
    }
}

/// A text with its unit.
#[component]
fn Affixed(
    id: &'static str,
    value: String,
    focus: Option<&'static str>,
    children: Children,
) -> impl IntoView {
    view! {
        <span class="affix">
            <input
                class="input"
                id=id
                name=id
                inputmode="decimal"
                maxlength="24"
                value=value
                autofocus=focus == Some(id)
                aria-invalid=(focus == Some(id)).then_some("true")
                aria-describedby=format!("{id}-hint {id}-error")
            />
            {children()}
        </span>
    }
}

#[component]
fn Select(id: &'static str, chosen: String, options: Vec<(String, String)>) -> impl IntoView {
    let options = options.into_iter().map(|(value, words)| {
        let selected = value == chosen;
        view! { <option value=value selected=selected>{words}</option> }
    });
    view! { <select class="select" id=id name=id>{options.collect_view()}</select> }
}
