//! The API is as strict as the original.
use serde_json::json;

use crate::shop::{Shop, usual, usual_but};

#[tokio::test]
async fn a_session_answers_with_what_was_asked_for() {
    let shop = Shop::open().await;
    let answer = shop.post("/v1/checkout/sessions", &usual()).await;
    let session = answer.json();
    assert_eq!(answer.status, 200);
    assert!(answer.header("request-id").is_some_and(|id| id.starts_with("req_")));
    assert!(session["id"].as_str().unwrap().starts_with("cs_test_"));
    assert_eq!(session["object"], "checkout.session");
    assert_eq!(session["amount_total"], 83_000);
    assert_eq!(session["amount_subtotal"], 83_000);
    assert_eq!(session["currency"], "usd");
    assert_eq!(session["client_reference_id"], "purchase-1");
    assert_eq!(session["metadata"], json!({ "purchase": "purchase-1" }));
    assert_eq!(
        (&session["status"], &session["payment_status"]),
        (&json!("open"), &json!("unpaid"))
    );
    assert_eq!(session["livemode"], false);
    assert_eq!(session["payment_intent"], json!(null));
    let url = format!("{}/c/pay/{}", shop.simulator.base_url(), session["id"].as_str().unwrap());
    assert_eq!(session["url"], url);
    assert_eq!(
        session["expires_at"].as_i64().unwrap() - session["created"].as_i64().unwrap(),
        86_400
    );
}

#[tokio::test]
async fn a_request_without_a_key_is_unauthorized() {
    let shop = Shop::open().await;
    for authorization in
        ["", "Basic abc", "Bearer nonsense", "Bearer sk_live_real", "Bearer rk_live_real"]
    {
        let answer = shop.send("GET", "/v1/events", &[("authorization", authorization)], "").await;
        assert_eq!(answer.status, 401, "{authorization}");
        assert_eq!(answer.error("type"), "invalid_request_error");
        assert!(!answer.text.contains("sk_live_real"), "a key must not be repeated");
    }
    assert_eq!(
        shop.send("GET", "/v1/events", &[("authorization", "Bearer rk_test_1")], "").await.status,
        200
    );
}

#[tokio::test]
async fn an_unknown_parameter_is_refused_by_name() {
    let shop = Shop::open().await;
    for param in [
        "colour",
        "line_items[0][price_data][product_data][colour]",
        "metadata_[a]",
        "payment_method_types[0]",
    ] {
        let answer = shop.post("/v1/checkout/sessions", &format!("{}&{param}=card", usual())).await;
        assert_eq!(answer.status, 400, "{param}");
        assert_eq!(answer.error("code"), "parameter_unknown");
        assert_eq!(answer.error("type"), "invalid_request_error");
        let named = answer.error("param");
        assert!(param.starts_with(&named), "{named} is not {param}");
    }
    assert_eq!(shop.get("/v1/events?colour=red").await.error("param"), "colour");
    assert!(shop.simulator.sessions().is_empty(), "a refused request makes nothing");
}

#[tokio::test]
async fn a_missing_or_senseless_parameter_is_named() {
    let shop = Shop::open().await;
    let cases = [
        (usual_but("mode=payment", "x"), "x", "parameter_unknown"),
        (usual_but("mode=payment&", ""), "mode", "parameter_missing"),
        (
            usual_but("success_url=http://127.0.0.1:9/done", "success_url=/done"),
            "success_url",
            "url_invalid",
        ),
        (
            usual_but("[unit_amount]=83000", "[unit_amount]=8.30"),
            "line_items[0][price_data][unit_amount]",
            "parameter_invalid_integer",
        ),
        (
            usual_but("&line_items[0][quantity]=1", ""),
            "line_items[0][quantity]",
            "parameter_missing",
        ),
        (
            usual_but("[quantity]=1", "[quantity]=0"),
            "line_items[0][quantity]",
            "parameter_invalid_integer",
        ),
        (usual_but("[currency]=usd", "[currency]=zzz"), "line_items[0][price_data][currency]", ""),
        (usual_but("[unit_amount]=83000", "[unit_amount]=49"), "", "amount_too_small"),
        (
            usual_but("[unit_amount]=83000", "[unit_amount]=100000000"),
            "line_items[0][price_data][unit_amount]",
            "amount_too_large",
        ),
        (format!("{}&customer=cus_nobody", usual()), "customer", "resource_missing"),
        (format!("{}&customer_email=nobody", usual()), "customer_email", "email_invalid"),
        (format!("{}&expires_at=1000", usual()), "expires_at", ""),
        (format!("{}&expand[]=colour", usual()), "expand", ""),
        (format!("{}&client_reference_id={}", usual(), "x".repeat(201)), "client_reference_id", ""),
        (
            format!("{}&metadata[{}]=1", usual(), "k".repeat(41)),
            &format!("metadata[{}]", "k".repeat(41)),
            "",
        ),
        (format!("{}&automatic_tax[enabled]=true", usual()), "automatic_tax[enabled]", ""),
        (usual_but("mode=payment", "mode=subscription"), "mode", ""),
    ];
    for (form, param, code) in cases {
        let answer = shop.post("/v1/checkout/sessions", &form).await;
        assert_eq!(answer.status, 400, "{param}: {}", answer.text);
        assert_eq!(
            (answer.error("param").as_str(), answer.error("code").as_str()),
            (param, code),
            "{}",
            answer.text
        );
    }
    assert!(shop.simulator.sessions().is_empty(), "a refused request makes nothing");
}

#[tokio::test]
async fn what_does_not_exist_is_resource_missing() {
    let shop = Shop::open().await;
    for path in [
        "checkout/sessions/cs_test_no",
        "checkout/sessions/cs_test_no/line_items",
        "events/evt_no",
        "payment_intents/pi_no",
        "charges/ch_no",
        "customers/cus_no",
    ] {
        let answer = shop.get(&format!("/v1/{path}")).await;
        assert_eq!(
            (answer.status, answer.error("code").as_str()),
            (404, "resource_missing"),
            "{path}"
        );
    }
    assert_eq!(shop.get("/v1/nothing").await.status, 404);
    let session = shop.session().await;
    assert_eq!(
        shop.get(&format!("/v1/charges/{session}")).await.status,
        404,
        "an id of another kind"
    );
}

#[tokio::test]
async fn an_expanded_session_holds_its_payment_and_its_items() {
    let shop = Shop::open().await;
    let id = shop.session().await;
    shop.simulator.pay(&id, stripe_simulator::PayOutcome::Paid).unwrap();
    let path = format!(
        "/v1/checkout/sessions/{id}?expand[0]=payment_intent.latest_charge&expand[1]=line_items.data.price.product"
    );
    let session = shop.get(&path).await.json();
    assert_eq!(session["payment_intent"]["status"], "succeeded");
    assert_eq!(session["payment_intent"]["metadata"]["purchase"], "purchase-1");
    assert_eq!(session["payment_intent"]["latest_charge"]["amount"], 83_000);
    assert_eq!(session["line_items"]["data"][0]["price"]["product"]["name"], "20,000 credits");
    let plain = shop.get(&format!("/v1/checkout/sessions/{id}")).await.json();
    assert!(plain["payment_intent"].is_string());
    assert!(plain["line_items"].is_null());
}

#[tokio::test]
async fn line_items_are_a_list_of_their_own() {
    let shop = Shop::open().await;
    let more = "&line_items[1][quantity]=3&line_items[1][price_data][currency]=usd&line_items[1][price_data][unit_amount]=50&line_items[1][price_data][product_data][name]=Extra";
    let id = shop.session_with(more).await;
    let list = shop.get(&format!("/v1/checkout/sessions/{id}/line_items?limit=1")).await.json();
    assert_eq!(
        (&list["has_more"], &list["data"][0]["amount_total"]),
        (&json!(true), &json!(83_000))
    );
    let first = list["data"][0]["id"].as_str().unwrap();
    let rest = shop
        .get(&format!("/v1/checkout/sessions/{id}/line_items?starting_after={first}"))
        .await
        .json();
    assert_eq!((&rest["has_more"], &rest["data"][0]["amount_total"]), (&json!(false), &json!(150)));
}

#[tokio::test]
async fn events_are_found_by_type_time_and_cursor() {
    let shop = Shop::open().await;
    for _ in 0..3 {
        let id = shop.session().await;
        shop.simulator.pay(&id, stripe_simulator::PayOutcome::Paid).unwrap();
    }
    let list = shop
        .get("/v1/events?types[]=checkout.session.completed&types[]=charge.succeeded&limit=4")
        .await
        .json();
    assert_eq!(list["data"].as_array().unwrap().len(), 4);
    assert_eq!(list["has_more"], true);
    let last = list["data"][3]["id"].as_str().unwrap();
    let rest = shop.get(&format!("/v1/events?types[]=checkout.session.completed&types[]=charge.succeeded&limit=4&starting_after={last}")).await.json();
    assert_eq!((rest["data"].as_array().unwrap().len(), &rest["has_more"]), (2, &json!(false)));
    let future = shop.get("/v1/events?created[gte]=99999999999").await.json();
    assert_eq!(future["data"], json!([]));
    let one = shop.get(&format!("/v1/events/{last}")).await.json();
    assert_eq!(one["id"], last);
    assert!(one["request"].is_object());
}

#[tokio::test]
async fn a_customer_can_be_made_and_used() {
    let shop = Shop::open().await;
    let customer = shop
        .post("/v1/customers", "email=mira@northgate.example&metadata[account]=a1")
        .await
        .json();
    let id = customer["id"].as_str().unwrap();
    assert!(id.starts_with("cus_"));
    assert_eq!(
        shop.get(&format!("/v1/customers/{id}")).await.json()["email"],
        "mira@northgate.example"
    );
    let session = shop.session_with(&format!("&customer={id}")).await;
    let page = shop.get(&format!("/c/pay/{session}")).await;
    assert!(page.text.contains("mira@northgate.example"), "the page knows the customer");
    let both = shop
        .post(
            "/v1/checkout/sessions",
            &format!("{}&customer={id}&customer_email=a@b.test", usual()),
        )
        .await;
    assert_eq!(both.status, 400);
    shop.simulator.pay(&session, stripe_simulator::PayOutcome::Paid).unwrap();
    let intent =
        shop.get(&format!("/v1/checkout/sessions/{session}?expand[]=payment_intent")).await.json();
    assert_eq!(intent["payment_intent"]["customer"], id);
}
