//! Settings → API keys, as a browser without any script sees it.

use axum::http::{HeaderValue, StatusCode};
use chrono::TimeDelta;
use recharge::server::identity::{KeyProblem, Scope};

use crate::{
    api_keys::new_key,
    app::{Answer, TestApp, Visitor},
    databases::on_both_databases,
};

on_both_databases!(
    a_customer_makes_a_key_and_sees_it_once,
    what_is_wrong_stands_at_its_field_and_what_was_entered_stays,
    a_customer_revokes_a_key,
    nobody_revokes_the_key_of_somebody_else,
    a_form_that_is_sent_again_makes_one_key_and_says_so,
    who_has_no_keys_is_told_what_they_are_for,
    keys_are_for_customers_who_are_signed_in,
    forms_of_other_sites_make_and_revoke_nothing,
);

/// Where the keys are.
const PAGE: &str = "/settings/api-keys";

/// The keys in what came back, as programs send them.
fn keys_in(answer: &Answer) -> Vec<String> {
    let whole = |start: &str| -> Option<String> {
        let text: String = start
            .chars()
            .take_while(|letter| letter.is_ascii_hexdigit() || *letter == '_')
            .collect();
        let (id, secret) = text.split_once('_')?;
        ((id.len(), secret.len()) == (16, 64)).then(|| format!("rcg_{text}"))
    };
    answer.body.split("rcg_").skip(1).filter_map(whole).collect()
}

/// The page's token for one wish.
async fn intent(customer: &mut Visitor) -> String {
    let page = customer.get(PAGE).await.body;
    let field = page.split("name=\"intent\"").nth(1).unwrap();
    field.split("value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

/// Makes a key by the form and gives it as programs send it.
async fn make(customer: &mut Visitor) -> String {
    let intent = intent(customer).await;
    let form = [("name", "Night worker"), ("read", "yes"), ("intent", intent.as_str())];
    let made = customer.post(PAGE, &form).await;
    keys_in(&made).pop().unwrap()
}

fn id_of(key: &str) -> &str {
    key.split('_').nth(1).unwrap()
}

async fn a_customer_makes_a_key_and_sees_it_once(app: TestApp) {
    let mut customer = app.customer().await;
    let intent = intent(&mut customer).await;
    let form = [
        ("name", " Night <worker> "),
        ("read", "yes"),
        ("spend", "yes"),
        ("ceiling", "1,250.5"),
        ("intent", &intent),
    ];
    let made = customer.post(PAGE, &form).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.body);
    assert_eq!(made.header("cache-control"), "no-store");
    let keys = keys_in(&made);
    assert_eq!(keys.len(), 1, "it stands there once: {}", made.body);
    assert!(made.body.contains("Night &lt;worker&gt;") && made.body.contains("is made"));

    let header = HeaderValue::from_str(&format!("Bearer {}", keys[0])).unwrap();
    let key = app.state.api_keys.authenticate(Some(&header)).await.unwrap();
    assert_eq!((key.name.as_str(), key.account), ("Night <worker>", customer.account.clone()));
    assert_eq!(key.ceiling.unwrap().thousandths(), 1_250_500);
    assert!(key.scopes.contain(Scope::Read) && key.scopes.contain(Scope::Spend));

    let page = customer.get(PAGE).await;
    assert!(keys_in(&page).is_empty() && page.body.contains(&key.id));
    assert!(page.body.contains("Read and spend") && page.body.contains("1,250.5 credits"));
    assert!(page.body.contains("Night &lt;worker&gt;"));
}

async fn what_is_wrong_stands_at_its_field_and_what_was_entered_stays(app: TestApp) {
    let mut customer = app.customer().await;
    let long = "x".repeat(81);
    for (form, said, kept) in [
        ([("name", ""), ("read", "yes"), ("ceiling", "5")], "a name of 1 to 80", "value=\"5\""),
        ([("name", &long), ("read", "yes"), ("ceiling", "")], "a name of 1 to 80", &long),
        ([("name", "W&B"), ("read", ""), ("ceiling", "")], "what the key may do", "W&amp;B"),
        ([("name", "A"), ("read", "yes"), ("ceiling", "much")], "Write an amount", "\"much\""),
        ([("name", "A"), ("read", "yes"), ("ceiling", "12,5")], "a point before", "\"12,5\""),
        ([("name", "A"), ("read", "yes"), ("ceiling", "0")], "Write an amount", "value=\"0\""),
        ([("name", "A"), ("read", "yes"), ("ceiling", "-1")], "Write an amount", "value=\"-1\""),
        ([("name", "A"), ("read", "yes"), ("ceiling", "NaN")], "Write an amount", "\"NaN\""),
    ] {
        let answer = customer.post(PAGE, &form).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{form:?}");
        assert!(answer.body.contains(said) && answer.body.contains(kept), "{form:?}");
        assert!(keys_in(&answer).is_empty());
    }
    let all = [("name", ""), ("spend", ""), ("ceiling", "x")];
    let answer = customer.post(PAGE, &all).await;
    assert_eq!(answer.body.matches("autofocus").count(), 1, "the first of them has the focus");
    assert_eq!(answer.body.matches("class=\"error\"").count(), 3, "each field says what is wrong");
    let account = customer.account.clone().unwrap();
    assert!(app.state.api_keys.list(&account).await.unwrap().is_empty());
}

async fn a_customer_revokes_a_key(app: TestApp) {
    let mut customer = app.customer().await;
    let key = make(&mut customer).await;
    let revoke = format!("{PAGE}/{}/revoke", id_of(&key));
    assert!(customer.get(PAGE).await.body.contains(&revoke));
    let revoked = format!("{PAGE}?revoked={}", id_of(&key));
    customer.post(&revoke, &[]).await.redirects_to(&revoked);
    let page = customer.get(&revoked).await;
    assert!(page.body.contains("is revoked.") && page.body.contains("Revoked"));
    assert!(!page.body.contains(&revoke), "there is nothing left to revoke");
    let header = HeaderValue::from_str(&format!("Bearer {key}")).unwrap();
    let refused = app.state.api_keys.authenticate(Some(&header)).await;
    assert_eq!(refused, Err(KeyProblem::Wrong));
}

async fn nobody_revokes_the_key_of_somebody_else(app: TestApp) {
    let (mut owner, mut stranger) = (app.customer().await, app.customer().await);
    let key = make(&mut owner).await;
    for id in [id_of(&key), "unknown", "%00", "..%2F.."] {
        let answer = stranger.post(&format!("{PAGE}/{id}/revoke"), &[]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{id}");
    }
    let page = stranger.get(&format!("{PAGE}?revoked={}", id_of(&key))).await;
    assert!(!page.body.contains("is revoked.") && !page.body.contains("Night worker"));
    let header = HeaderValue::from_str(&format!("Bearer {key}")).unwrap();
    app.state.api_keys.authenticate(Some(&header)).await.unwrap();
}

async fn a_form_that_is_sent_again_makes_one_key_and_says_so(app: TestApp) {
    let mut customer = app.customer().await;
    let intent = intent(&mut customer).await;
    let form = [("name", "Worker"), ("read", "yes"), ("intent", intent.as_str())];
    let (first, again) = (customer.post(PAGE, &form).await, customer.post(PAGE, &form).await);
    assert_eq!((keys_in(&first).len(), keys_in(&again).len()), (1, 1), "a double click");
    app.clock.advance(TimeDelta::seconds(10));
    let later = customer.post(PAGE, &form).await;
    assert_eq!(later.status, StatusCode::CONFLICT);
    assert!(later.body.contains("was made already") && keys_in(&later).is_empty());
    let account = customer.account.clone().unwrap();
    assert_eq!(app.state.api_keys.list(&account).await.unwrap().len(), 1);
    for _ in 1..50 {
        app.state.api_keys.make(new_key(&account, &[Scope::Read])).await.unwrap();
    }
    let more = customer.post(PAGE, &[("name", "One more"), ("read", "yes")]).await;
    assert_eq!(more.status, StatusCode::CONFLICT);
    assert!(more.body.contains("as many keys") && more.body.contains("value=\"One more\""));
}

async fn who_has_no_keys_is_told_what_they_are_for(app: TestApp) {
    let mut customer = app.customer().await;
    let page = customer.get(PAGE).await;
    assert_eq!(page.status, StatusCode::OK);
    let account = customer.account.unwrap();
    let address = format!("http://127.0.0.1:3000/api/v1/accounts/{account}/balance");
    for words in ["No keys yet", "curl -H", &address] {
        assert!(page.body.contains(words), "{words}");
    }
}

async fn keys_are_for_customers_who_are_signed_in(app: TestApp) {
    let mut stranger = app.visitor();
    stranger.get(PAGE).await.redirects_to("/sign-in?next=%2Fsettings%2Fapi-keys");
    stranger.post(PAGE, &[("name", "A")]).await.redirects_to("/sign-in?next=%2Fsettings%2Fcredits");
    let mut staff = app.staff().await;
    staff.get(PAGE).await.redirects_to("/support");
    assert_eq!(staff.post(PAGE, &[("name", "A")]).await.status, StatusCode::NOT_FOUND);
}

async fn forms_of_other_sites_make_and_revoke_nothing(app: TestApp) {
    let mut customer = app.customer().await;
    let key = make(&mut customer).await;
    for path in [PAGE, &format!("{PAGE}/{}/revoke", id_of(&key))] {
        let form = [("name", "Forged"), ("read", "yes")];
        let answer = customer.post_from("cross-site", path, &form).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
    }
    let keys = app.state.api_keys.list(&customer.account.clone().unwrap()).await.unwrap();
    assert!(keys.len() == 1 && keys[0].revoked_at.is_none());
}
