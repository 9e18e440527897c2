use super::*;
use crate::credits::{Package, PriceSchedule, PriceStep, rate_card::tests::rate_card};

fn catalogue() -> Catalogue {
    let steps = vec![PriceStep { up_to: 100_000, price_milli: 4_500 }];
    let packages = [("s", 1_000), ("m", 5_000), ("l", 20_000)];
    Catalogue {
        version: "test".to_owned(),
        schedule: PriceSchedule { currency: Currency::Usd, minimum: 100, maximum: 100_000, steps },
        packages: packages.map(|(id, credits)| Package { id: id.to_owned(), credits }).to_vec(),
        worth: Vec::new(),
        rate_card: rate_card(),
        terms: String::new(),
    }
}

fn entered() -> RechargeForm {
    RechargeForm::suggested(&catalogue())
}

#[test]
fn what_is_suggested_can_be_agreed_to_and_comes_back_as_it_was() {
    let plan = entered().read(&catalogue()).unwrap();
    assert_eq!(plan.threshold, Credits::from_thousandths(500_000));
    assert_eq!((plan.credits, plan.total.minor, plan.monthly_cap.minor), (5_000, 22_500, 67_500));
    assert_eq!((plan.per_day, plan.cooldown_hours), (3, 1));
    assert_eq!(RechargeForm::of(&plan), entered());
    assert_eq!(RechargeForm::of(&plan).read(&catalogue()), Ok(plan));
}

#[test]
fn amounts_are_read_as_people_write_them() {
    let form = RechargeForm {
        threshold: " 1,000.5 ".to_owned(),
        package: "custom".to_owned(),
        amount: "2000".to_owned(),
        monthly_cap: "$ 1,234.5".to_owned(),
        ..entered()
    };
    let plan = form.read(&catalogue()).unwrap();
    assert_eq!(plan.threshold, Credits::from_thousandths(1_000_500));
    assert_eq!((plan.refill, plan.credits), (Refill::Amount, 2_000));
    assert_eq!(plan.monthly_cap.minor, 123_450);
}

/// The message at one field, and that there is none at another.
#[track_caller]
fn says(form: RechargeForm, field: fn(&RechargeProblems) -> &Option<String>, words: &str) {
    let problems = *form.read(&catalogue()).unwrap_err();
    let message = field(&problems).as_deref().unwrap_or_default();
    assert!(message.contains(words), "{words}: {problems:?}");
    let all = [
        &problems.threshold,
        &problems.package,
        &problems.amount,
        &problems.target,
        &problems.monthly_cap,
        &problems.per_day,
        &problems.cooldown,
    ];
    assert_eq!(all.iter().filter(|problem| problem.is_some()).count(), 1, "{problems:?}");
}

#[test]
fn a_cap_below_one_recharge_or_beyond_all_bounds_is_refused_at_its_field() {
    let cap = |text: &str| RechargeForm { monthly_cap: text.to_owned(), ..entered() };
    says(cap("224.99"), |it| &it.monthly_cap, "At least $225.00");
    assert_eq!(cap("225").read(&catalogue()).unwrap().monthly_cap.minor, 22_500);
    assert!(cap("100000").read(&catalogue()).is_ok());
    says(cap("100000.01"), |it| &it.monthly_cap, "At most $100,000.00");
    for wrong in [
        "",
        "a lot",
        "-1",
        "1.234",
        "1e5",
        ".",
        "5.",
        "225,5",
        "0,5",
        "3 00",
        "999999999999999999999",
    ] {
        says(cap(wrong), |it| &it.monthly_cap, "Write an amount of money");
    }
}

#[test]
fn a_threshold_is_above_nothing_and_within_one_recharge() {
    let threshold = |text: &str| RechargeForm { threshold: text.to_owned(), ..entered() };
    says(threshold("0"), |it| &it.threshold, "above 0");
    says(threshold("-5"), |it| &it.threshold, "above 0");
    says(threshold("5000.001"), |it| &it.threshold, "At most 5,000");
    assert!(threshold("5000").read(&catalogue()).is_ok());
    for wrong in ["", "some", "1.2345", "12,5", "0,500", "1 2", "99999999999999999999"] {
        says(threshold(wrong), |it| &it.threshold, "Write an amount of credits");
    }
}

/// Up to this balance, below 500 credits.
fn up_to(target: &str) -> RechargeForm {
    let (package, target) = (RechargeForm::TARGET.to_owned(), target.to_owned());
    RechargeForm { package, target, ..entered() }
}

#[test]
fn a_target_is_agreed_to_with_its_largest_charge_and_comes_back_as_it_was() {
    let plan = up_to("2000").read(&catalogue()).unwrap();
    assert_eq!((&plan.refill, plan.credits, plan.total.minor), (&Refill::Target, 2_000, 9_000));
    assert_eq!(RechargeForm::of(&plan), up_to("2000"));
    let cap = |text: &str| RechargeForm { monthly_cap: text.to_owned(), ..up_to("2000") };
    assert!(cap("90").read(&catalogue()).is_ok());
    says(cap("89.99"), |it| &it.monthly_cap, "At least $90.00");
}

#[test]
fn a_target_is_above_the_threshold_and_can_be_bought_at_once() {
    says(up_to("500"), |it| &it.target, "More than 500");
    assert!(up_to("501").read(&catalogue()).is_ok());
    says(up_to("100001"), |it| &it.target, "largest purchase is 100,000");
    says(up_to("99"), |it| &it.target, "smallest purchase is 100");
    says(up_to(""), |it| &it.target, "Enter how many");
    says(up_to("all"), |it| &it.target, "whole number of credits");
    let mut free = catalogue();
    free.schedule.steps.insert(0, PriceStep { up_to: 100, price_milli: 0 });
    let problems = *up_to("2000").read(&free).unwrap_err();
    assert!(problems.package.unwrap().contains("costs nothing"), "the smallest recharge would");
}

#[test]
fn only_what_is_sold_can_be_bought() {
    let package = RechargeForm { package: "gone".to_owned(), ..entered() };
    says(package, |it| &it.package, "Choose what to buy");
    let amount = |text: &str| RechargeForm {
        package: "custom".to_owned(),
        amount: text.to_owned(),
        ..entered()
    };
    says(amount("99"), |it| &it.amount, "smallest purchase");
    says(amount(""), |it| &it.amount, "Enter how many");
    let times = RechargeForm { per_day: "1000".to_owned(), ..entered() };
    says(times, |it| &it.per_day, "Choose one");
    says(RechargeForm { cooldown: "0".to_owned(), ..entered() }, |it| &it.cooldown, "Choose one");
}

#[test]
fn nothing_longer_than_a_field_comes_back() {
    let form = RechargeForm { threshold: "9".repeat(10_000), ..entered() }.cut();
    assert_eq!(form.threshold.len(), LONGEST);
}
