//! The form that makes a key.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::components::{FieldError, Notice, Tone};

/// What is wrong with the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FormProblem {
    /// The name is empty or too long.
    Name,
    /// Nothing was ticked.
    NoScope,
    /// The ceiling is no amount, or nothing.
    Ceiling,
    /// There are enough keys.
    TooMany,
    /// The form was sent before, and made a key then.
    SentBefore,
    /// The database is away.
    Unavailable,
}

impl FormProblem {
    const fn words(self) -> &'static str {
        match self {
            Self::Name => "Give the key a name of 1 to 80 characters.",
            Self::NoScope => "Choose what the key may do.",
            Self::Ceiling => {
                "Write an amount of credits such as 1,000 or 12.5, with a point before decimals, or leave it empty for no ceiling."
            }
            Self::TooMany => "No key was made. Revoke a key that you no longer use, and try again.",
            Self::SentBefore => {
                "Its secret was shown then, and only then. If you don\u{2019}t have it, revoke the key and make another."
            }
            Self::Unavailable => "No key was made. Try again in a moment.",
        }
    }

    /// What stands above the form; none where a field says it.
    const fn title(self) -> Option<&'static str> {
        match self {
            Self::Name | Self::NoScope | Self::Ceiling => None,
            Self::TooMany => Some("You have as many keys as an account can have."),
            Self::SentBefore => Some("This key was made already."),
            Self::Unavailable => Some("We can\u{2019}t reach our records."),
        }
    }
}

/// What was entered, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyForm {
    /// What the key is called.
    pub name: String,
    /// Whether it may read.
    pub read: bool,
    /// Whether it may spend.
    pub spend: bool,
    /// The most that one run may cost, as it was written.
    pub ceiling: String,
    /// Stands for this one wish, however often it is sent.
    pub intent: String,
    /// What is wrong.
    pub problems: Vec<FormProblem>,
}

impl KeyForm {
    /// The form before anything was entered.
    #[must_use]
    pub fn fresh(intent: String) -> Self {
        Self { read: true, intent, ..Self::default() }
    }
}

/// What is wrong as a whole, for the top of the page.
#[component]
pub fn Problems(
    /// What is wrong.
    problems: Vec<FormProblem>,
) -> impl IntoView {
    let notices = problems.into_iter().filter_map(|problem| {
        let title = problem.title()?;
        Some(view! { <Notice tone=Tone::Bad title><p>{problem.words()}</p></Notice> })
    });
    notices.collect_view()
}

/// The form with what was entered. The first field with a problem has the focus.
#[component]
pub fn MakeKey(
    /// What was entered.
    form: KeyForm,
) -> impl IntoView {
    let problems = form.problems;
    let error = |problem: FormProblem| problems.contains(&problem).then_some(problem);
    let (name, scope, ceiling) =
        (error(FormProblem::Name), error(FormProblem::NoScope), error(FormProblem::Ceiling));
    let first = name.or(scope).or(ceiling);
    let has_focus = move |field: Option<FormProblem>| field.is_some() && field == first;
    view! {
        <section class="section" aria-labelledby="make">
            <div class="section-head"><h2 id="make">"Make a key"</h2></div>
            <form
                class="panel panel-body make-key"
                method="post"
                action="/settings/api-keys"
                autocomplete="off"
                novalidate=true
            >
                <input type="hidden" name="intent" value=form.intent/>
                <TextField id="name" label="Name" hint="So that you know it again: where it runs, or what for." error=name>
                    <input
                        class="input"
                        id="name"
                        name="name"
                        maxlength="80"
                        value=form.name
                        aria-invalid=name.is_some().then_some("true")
                        autofocus=has_focus(name)
                        aria-describedby="name-hint name-error"
                    />
                </TextField>
                <ScopeField
                    read=form.read
                    spend=form.spend
                    error=scope
                    autofocus=has_focus(scope)
                />
                <TextField
                    id="ceiling"
                    label="Ceiling per run (optional)"
                    hint="Requests with the same reference are one run. Together they can\u{2019}t be charged more than this."
                    error=ceiling
                >
                    <span class="affix">
                        <input
                            class="input"
                            id="ceiling"
                            name="ceiling"
                            inputmode="decimal"
                            maxlength="24"
                            value=form.ceiling
                            aria-invalid=ceiling.is_some().then_some("true")
                            autofocus=has_focus(ceiling)
                            aria-describedby="ceiling-hint ceiling-error"
                        />
                        <span class="unit" aria-hidden="true">"credits"</span>
                    </span>
                </TextField>
                <button class="button button-primary" type="submit">"Make the key"</button>
            </form>
        </section>
    }
}

#[component]
fn TextField(
    id: &'static str,
    label: &'static str,
    hint: &'static str,
    error: Option<FormProblem>,
    children: Children,
) -> impl IntoView {
    view! {
        <div class="field">
            <label for=id>{label}</label>
            {children()}
            <span class="hint" id=format!("{id}-hint") hidden=error.is_some()>{hint}</span>
            <FieldError id words=error.map(|error| error.words().to_owned())/>
        </div>
    }
}

#[component]
fn ScopeField(
    read: bool,
    spend: bool,
    error: Option<FormProblem>,
    autofocus: bool,
) -> impl IntoView {
    view! {
        <fieldset class="field" aria-describedby="scope-error">
            <legend class="label">"What it may do"</legend>
            <label class="check">
                <input
                    type="checkbox"
                    name="read"
                    value="yes"
                    checked=read
                    autofocus=autofocus
                />
                <span><b>"Read"</b>" your balance, usage, history and prices"</span>
            </label>
            <label class="check">
                <input type="checkbox" name="spend" value="yes" checked=spend/>
                <span><b>"Spend"</b>" your credits: quote operations, hold their price, pay for them"</span>
            </label>
            <FieldError id="scope" words=error.map(|error| error.words().to_owned())/>
        </fieldset>
    }
}
