//! Auto-recharge: what a customer agrees to have bought for them, the card that pays, and what was
//! charged so far.

mod api;
mod card;
mod form;
mod recent;
mod review;
mod standing;
mod view;

use chrono::{DateTime, FixedOffset};
use leptos::prelude::*;
use leptos_router::hooks::use_url;
use serde::{Deserialize, Serialize};

use super::{history::decode, layout::Viewer, loaded::loaded};
use crate::credits::{
    AutoRecharge, Catalogue, Currency, Money, RechargeForm, RechargePlan, RechargeProblems,
};
use api::load_auto_recharge;
use view::AutoRechargeView;

/// Where the page is, and where its forms go.
pub const PATH: &str = "/settings/auto-recharge";

/// What the page shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutoRechargePage {
    /// Who looks at it.
    pub viewer: Viewer,
    /// Whether anything can be bought.
    pub is_open: bool,
    /// What was agreed to, and what came of it.
    pub recharge: AutoRecharge,
    /// When each of the recharges was made, in the account's zone.
    pub made_at: Vec<DateTime<FixedOffset>>,
    /// The zone of those instants.
    pub zone: String,
    /// What can be bought: id, whole credits, total.
    pub packages: Vec<(String, i64, Money)>,
    /// What it is paid in.
    pub currency: Currency,
    /// The prices on this page, as the form brings them back.
    pub prices: String,
    /// The form, and what is wrong with it.
    pub form: RechargeForm,
    /// What is wrong, at its field.
    pub problems: RechargeProblems,
    /// What is shown.
    pub step: Step,
    /// What came of the last wish.
    pub said: Option<Said>,
}

/// What the page is at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// How things stand.
    Standing,
    /// The amounts are being chosen.
    Choose,
    /// The words are to be agreed to.
    Agree(RechargePlan),
}

/// What came of the last wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// A card is saved.
    CardSaved,
    /// None was saved.
    CardNotSaved,
    /// The card is removed.
    CardRemoved,
    /// It is on, with what was agreed to.
    On,
    /// It is off.
    Off,
    /// It goes on.
    Resumed,
    /// It can't go on.
    NotResumed,
    /// Nobody agreed.
    NoConsent,
    /// Prices or card have changed.
    Changed,
    /// Stripe can't be reached.
    Unreachable,
    /// Our records can't be reached.
    Away,
}

impl Said {
    /// Those that stand in the address, by their words.
    const IN_ADDRESS: [(Self, &'static str); 6] = [
        (Self::CardRemoved, "removed"),
        (Self::On, "on"),
        (Self::Off, "off"),
        (Self::Resumed, "resumed"),
        (Self::NotResumed, "not-resumed"),
        (Self::Unreachable, "unreachable"),
    ];

    /// The address that says it.
    #[must_use]
    pub fn address(self) -> String {
        let known = Self::IN_ADDRESS.iter().find(|(said, _)| *said == self);
        known.map_or_else(|| PATH.to_owned(), |(_, word)| format!("{PATH}?said={word}"))
    }

    fn of(word: &str) -> Option<Self> {
        Self::IN_ADDRESS.iter().find(|(_, known)| *known == word).map(|(said, _)| *said)
    }
}

/// The form as it was entered, where it came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnteredRecharge {
    /// What was entered.
    pub form: RechargeForm,
    /// Why it came back; none where fields are wrong.
    pub said: Option<Said>,
}

/// What the address asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The session that saved a card, on the way back from Stripe.
    pub session: Option<String>,
    /// Whether the amounts are to be changed.
    pub change: bool,
    /// Amounts that were entered.
    pub form: Option<RechargeForm>,
    /// What came of the last wish.
    pub said: Option<Said>,
}

impl Asked {
    /// Reads an address: what stands behind its question mark.
    #[must_use]
    pub fn parse(address: &str) -> Self {
        let mut asked = Self::default();
        let mut form = RechargeForm::default();
        let mut has_form = false;
        for pair in address.trim_start_matches('?').split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decode(value).into_owned();
            match name {
                "session_id" => asked.session = Some(value),
                "change" => asked.change = true,
                "said" => asked.said = Said::of(&value),
                "threshold" => (form.threshold, has_form) = (value, true),
                "package" => form.package = value,
                "amount" => form.amount = value,
                "target" => form.target = value,
                "monthly_cap" => form.monthly_cap = value,
                "per_day" => form.per_day = value,
                "cooldown" => form.cooldown = value,
                _ => {}
            }
        }
        asked.form = has_form.then(|| form.cut());
        asked
    }
}

impl AutoRechargePage {
    /// The page for what the address asks for; what was entered is read at today's prices.
    #[must_use]
    pub fn showing(self, asked: Asked, catalogue: &Catalogue) -> Self {
        let Asked { change, form, said, .. } = asked;
        let is_on = self.recharge.is_on;
        let (step, form, problems) = match (form, &self.recharge.plan) {
            (Some(form), _) => match form.read(catalogue) {
                Ok(_) if change => (Step::Choose, form, RechargeProblems::default()),
                Ok(plan) => (Step::Agree(plan), form, RechargeProblems::default()),
                Err(problems) => (Step::Choose, form, *problems),
            },
            (None, plan) => {
                let suggested = || RechargeForm::suggested(catalogue);
                let form = plan.as_ref().map_or_else(suggested, RechargeForm::of);
                let step = if is_on && !change { Step::Standing } else { Step::Choose };
                (step, form, RechargeProblems::default())
            }
        };
        Self { step, form, problems, said, ..self }
    }
}

/// The page at `/settings/auto-recharge`.
#[component]
pub fn AutoRechargeRoute() -> impl IntoView {
    let url = use_url();
    let address = move || url.read().search().to_owned();
    let page = Resource::new_blocking(address, load_auto_recharge);
    loaded(page, |page| view! { <AutoRechargeView page/> })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_what_was_entered_and_what_came_of_it() {
        let asked =
            Asked::parse("?threshold=1%2C000&package=custom&amount=2+000&monthly_cap=%24690");
        let form = asked.form.unwrap();
        assert_eq!((&*form.threshold, &*form.amount), ("1,000", "2 000"));
        assert_eq!((&*form.package, &*form.monthly_cap), ("custom", "$690"));
        assert_eq!(Asked::parse("?package=trader").form, None, "no form without a threshold");
        assert_eq!(Asked::parse("session_id=cs_1").session.as_deref(), Some("cs_1"));
        assert_eq!(Asked::parse(""), Asked::default());
    }

    #[test]
    fn what_is_said_comes_back_from_its_address() {
        for (said, _) in Said::IN_ADDRESS {
            assert_eq!(Asked::parse(said.address().split_once('?').unwrap().1).said, Some(said));
        }
        assert_eq!(Asked::parse("?said=anything").said, None);
    }
}
