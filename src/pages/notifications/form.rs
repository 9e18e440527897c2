//! The form: when the balance is low, and the ways of each topic.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    components::FieldError,
    credits::{Credits, Topic, Ways},
};

/// The form as it is shown: as it was saved, or as it was entered where it came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entered {
    /// Which warning is chosen.
    pub warning: Warning,
    /// What stands in the field of days.
    pub days: String,
    /// What stands in the field of credits.
    pub amount: String,
    /// Each topic.
    pub topics: Vec<TopicLine>,
    /// Why nothing was saved, where the form came back.
    pub problem: Option<Problem>,
}

/// When a balance counts as low.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Warning {
    /// When it lasts fewer days.
    Days,
    /// When it is less.
    Amount,
    /// Never.
    Never,
}

/// Why nothing was saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Problem {
    /// The days can't be meant.
    Days,
    /// The amount can't be meant.
    Amount,
    /// The database can't be reached.
    Away,
}

/// By which ways a topic is heard of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicLine {
    /// The topic.
    pub topic: Topic,
    /// The ways.
    pub ways: Ways,
}

impl Warning {
    /// All of them, as they stand below each other.
    pub const ALL: [Self; 3] = [Self::Days, Self::Amount, Self::Never];

    /// Its name in the form.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Days => "days",
            Self::Amount => "amount",
            Self::Never => "never",
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Days => "When it lasts less than so many days at my pace",
            Self::Amount => "When it falls below an amount of credits",
            Self::Never => "Only when it is used up",
        }
    }
}

/// The form.
#[component]
pub fn NotificationsForm(
    /// As it stands.
    form: Entered,
    /// What the days are in credits now.
    low_at: Option<Credits>,
) -> impl IntoView {
    let Entered { warning, days, amount, topics, problem } = form;
    let in_credits = match low_at.filter(|_| warning == Warning::Days) {
        Some(low_at) => {
            format!("From 1 to 90. At your pace of the last weeks that is {low_at} credits.")
        }
        None => {
            "From 1 to 90. It becomes an amount once you have used credits for a day.".to_owned()
        }
    };
    let choice = move |of: Warning| {
        let field = match of {
            Warning::Days => Some(view! {
                <Field of text=days.clone() unit="days" hint=in_credits.clone() is_wrong=problem == Some(Problem::Days)/>
            }),
            Warning::Amount => Some(view! {
                <Field of text=amount.clone() unit="credits" hint="From 1 to 100,000,000.".to_owned() is_wrong=problem == Some(Problem::Amount)/>
            }),
            Warning::Never => None,
        };
        view! {
            <div class="choice">
                <input type="radio" name="warning" id=format!("warn-{}", of.id()) value=of.id() checked=of == warning/>
                <label for=format!("warn-{}", of.id())>{of.words()}</label>
                {field}
            </div>
        }
    };
    let choices = Warning::ALL.map(choice).collect_view();
    let lines = topics.into_iter().map(|line| view! { <Line line/> });
    view! {
        <form class="notifications" method="post" action="/settings/notifications" autocomplete="off" novalidate=true>
            <fieldset class="panel">
                <legend>"Warn me of a low balance"</legend>
                <div class="choices">{choices}</div>
            </fieldset>
            <div class="panel">
                <table class="table">
                    <caption class="visually-hidden">"What you hear of, and how"</caption>
                    <thead>
                        <tr>
                            <th scope="col">"Topic"</th>
                            <th scope="col">"Inbox"</th>
                            <th scope="col">"E-mail"</th>
                        </tr>
                    </thead>
                    <tbody>{lines.collect_view()}</tbody>
                </table>
            </div>
            <button class="button button-primary" type="submit">"Save"</button>
        </form>
    }
}

#[component]
fn Field(
    of: Warning,
    text: String,
    unit: &'static str,
    hint: String,
    is_wrong: bool,
) -> impl IntoView {
    let id = of.id();
    let words = match of {
        Warning::Days => "Write a whole number of days from 1 to 90.",
        _ => {
            "Write an amount from 1 to 100,000,000 credits, such as 500 or 12.5, with a point before decimals."
        }
    };
    let error = is_wrong.then(|| words.to_owned());
    view! {
        <div>
            <span class="affix">
                <input
                    class="input"
                    id=id
                    name=id
                    aria-label=of.words()
                    inputmode=if of == Warning::Days { "numeric" } else { "decimal" }
                    maxlength="24"
                    value=text
                    aria-invalid=is_wrong.then_some("true")
                    autofocus=is_wrong
                    aria-describedby=format!("{id}-hint {id}-error")
                />
                <span class="unit" aria-hidden="true">{unit}</span>
            </span>
            <FieldError id words=error/>
            <span class="hint" id=format!("{id}-hint")>{hint}</span>
        </div>
    }
}

#[component]
fn Line(line: TopicLine) -> impl IntoView {
    let TopicLine { topic, ways } = line;
    let cell = |way: &'static str, words: &'static str, is_on: bool| {
        if !topic.is_optional() {
            return view! { <td><span class="muted small">"Always"</span></td> }.into_any();
        }
        let (name, spoken) =
            (format!("{way}-{}", topic.id()), format!("{}: {words}", topic.name()));
        view! { <td><input type="checkbox" name=name aria-label=spoken checked=is_on/></td> }
            .into_any()
    };
    view! {
        <tr>
            <td>
                {topic.name()}
                <span class="sub">{topic.explanation()}</span>
            </td>
            {cell("inbox", "in the inbox", ways.inbox)}
            {cell("mail", "by e-mail", ways.mail)}
        </tr>
    }
}
