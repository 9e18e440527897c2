//! The amounts: when, how much, and at most how often and for what.

use leptos::prelude::*;

use super::{AutoRechargePage, PATH};
use crate::{
    components::{FieldError, plural},
    credits::{Money, RechargeForm, RechargeProblems},
    pages::buy::grouped,
};

/// The form; it changes nothing, but leads to the words to agree to.
#[component]
pub fn ChooseForm(
    /// The page that it stands on.
    page: AutoRechargePage,
) -> impl IntoView {
    let AutoRechargePage { form, problems, recharge, is_open, .. } = &page;
    let (is_open, focus) = (*is_open, first_problem(problems));
    let back = recharge.is_on.then(|| view! { <a class="button" href=PATH>"Back"</a> });
    let currency = page.currency.code().to_uppercase();
    let (form, problems) = (form.clone(), problems.clone());
    let packages = page.packages;
    let much = view! { <HowMuch packages form=form.clone() problems=problems.clone() focus/> };
    let often = view! { <HowOften form=form.clone() problems=problems.clone()/> };
    view! {
        <form
            class="panel panel-body recharge-form"
            method="get"
            action=PATH
            autocomplete="off"
            novalidate=true
        >
            <h2>"Amounts"</h2>
            <TextField
                id="threshold"
                label="Buy when fewer credits than this are available"
                hint="Held credits are not available. At most what one recharge adds, and less than a target."
                unit="credits"
                value=form.threshold
                problem=problems.threshold
                focus
            />
            {much}
            <TextField
                id="monthly_cap"
                label="At most in a calendar month"
                hint="From the first to the last day of the month in UTC. At least the price of the largest recharge."
                unit=currency
                value=form.monthly_cap
                problem=problems.monthly_cap
                focus
            />
            {often}
            <div class="row">
                <button class="button button-primary" type="submit" disabled=!is_open>
                    "Continue"
                </button>
                {back}
            </div>
            <p class="small">
                "Nothing is switched on yet: the next page says what you would agree to."
            </p>
        </form>
    }
}

/// What is bought each time: always the same, or up to a target.
#[component]
fn HowMuch(
    packages: Vec<(String, i64, Money)>,
    form: RechargeForm,
    problems: RechargeProblems,
    focus: Option<&'static str>,
) -> impl IntoView {
    view! {
        <Field
            id="package"
            label="Buy each time"
            hint="At today\u{2019}s price; a higher one needs your agreement first."
            problem=problems.package
        >
            <Packages packages chosen=form.package/>
        </Field>
        <div class="own own-amount">
            <TextField
                id="amount"
                label="Another amount"
                hint="Whole credits, at the price of the schedule."
                unit="credits"
                value=form.amount
                problem=problems.amount
                focus
            />
        </div>
        <div class="own own-target">
            <TextField
                id="target"
                label="Target balance"
                hint="Whole credits. What is missing is bought, at least the smallest amount that is sold, at the price of the schedule."
                unit="credits"
                value=form.target
                problem=problems.target
                focus
            />
        </div>
    }
}

/// What can be bought each time.
#[component]
fn Packages(packages: Vec<(String, i64, Money)>, chosen: String) -> impl IntoView {
    let options = packages
        .into_iter()
        .map(|(id, credits, total)| (id, format!("{} credits for {total}", grouped(credits))));
    let more = [
        (RechargeForm::CUSTOM.to_owned(), "Another amount".to_owned()),
        (RechargeForm::TARGET.to_owned(), "Up to a target balance".to_owned()),
    ];
    view! { <Select id="package" chosen options=options.chain(more).collect()/> }
}

/// At most how often, and how far apart.
#[component]
fn HowOften(form: RechargeForm, problems: RechargeProblems) -> impl IntoView {
    let per_day = RechargeForm::PER_DAY.map(|times| {
        (times.to_string(), format!("{} in 24 hours", plural(times.into(), "charge", "charges")))
    });
    let cooldowns = RechargeForm::COOLDOWNS.map(|hours| {
        (hours.to_string(), format!("{} apart", plural(hours.into(), "hour", "hours")))
    });
    view! {
        <div class="pair">
            <Field id="per_day" label="At most" hint="" problem=problems.per_day>
                <Select id="per_day" chosen=form.per_day options=per_day.to_vec()/>
            </Field>
            <Field id="cooldown" label="At least" hint="" problem=problems.cooldown>
                <Select id="cooldown" chosen=form.cooldown options=cooldowns.to_vec()/>
            </Field>
        </div>
    }
}

/// The first field with a problem has the focus.
fn first_problem(problems: &RechargeProblems) -> Option<&'static str> {
    let all = [
        ("threshold", &problems.threshold),
        ("package", &problems.package),
        ("amount", &problems.amount),
        ("target", &problems.target),
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
    view! {
        <div class="field">
            <label for=id>{label}</label>
            {children()}
            {hint}
            <FieldError id words=problem/>
        </div>
    }
}

/// A text with its unit.
#[component]
fn TextField(
    id: &'static str,
    label: &'static str,
    hint: &'static str,
    #[prop(into)] unit: String,
    value: String,
    problem: Option<String>,
    focus: Option<&'static str>,
) -> impl IntoView {
    let is_wrong = problem.is_some();
    view! {
        <Field id label hint problem>
            <span class="affix">
                <input
                    class="input"
                    id=id
                    name=id
                    inputmode="decimal"
                    maxlength="24"
                    value=value
                    autofocus=focus == Some(id)
                    aria-invalid=is_wrong.then_some("true")
                    aria-describedby=format!("{id}-hint {id}-error")
                />
                <span class="unit" aria-hidden="true">{unit}</span>
            </span>
        </Field>
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
