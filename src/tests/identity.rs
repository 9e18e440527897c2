//! Who is asking: signing in and out, the gate, the cookie.

use axum::http::StatusCode;

use crate::{app::TestApp, databases::on_both_databases};

async fn an_unknown_visitor_comes_to_sign_in_and_back(app: TestApp) {
    let mut visitor = app.visitor();
    let asked = "/settings/credits/history?kind=spent&text=a%20b";
    let sign_in = visitor.get(asked).await;
    sign_in.redirects_to(
        "/sign-in?next=%2Fsettings%2Fcredits%2Fhistory%3Fkind%3Dspent%26text%3Da%2520b",
    );
    let email = app.customer().await.email;
    visitor.sign_in_as(&email, crate::app::PASSWORD, asked).await.redirects_to(asked);
    assert_ne!(visitor.get(asked).await.status, StatusCode::SEE_OTHER);
}

on_both_databases!(an_unknown_visitor_comes_to_sign_in_and_back);
