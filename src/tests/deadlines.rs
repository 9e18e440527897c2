//! Every request is answered in time, whatever its route waits for.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::ConnectInfo,
    http::{
        Method, Request, StatusCode,
        header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST},
    },
    response::Response,
};
use futures::future::{BoxFuture, join_all};
use recharge::server::{
    clock::Clock,
    database::{Database, Fate, Fates, Faults, Limits},
    deadlines::Deadlines,
    entity::stripe_event,
    router::router,
};
use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::json;
use stripe_simulator::sign;
use tokio::{sync::Semaphore, time::timeout};
use tower::ServiceExt;

use crate::{
    api::Program,
    app::{TestApp, Visitor},
    corpus::{addresses, filled},
    databases::{TestDatabase, on_both_databases},
};

on_both_databases!(whatever_is_asked_while_the_database_says_nothing_is_answered_in_time);

const WEBHOOK_SECRET: &str = "whsec_deadlines";
const SHORT: Duration = Duration::from_millis(300);
/// How long anything may take that must happen at all, on a busy machine.
const AT_LAST: Duration = Duration::from_secs(20);

/// A database that answers nothing for as long as a test likes.
struct Silence {
    is_on: AtomicBool,
    end: Semaphore,
}

impl Silence {
    fn new() -> Arc<Self> {
        Arc::new(Self { is_on: AtomicBool::new(false), end: Semaphore::new(0) })
    }

    fn begins(&self) {
        self.is_on.store(true, Ordering::SeqCst);
    }

    /// What was asked is answered now.
    fn ends(&self) {
        self.is_on.store(false, Ordering::SeqCst);
        self.end.close();
    }
}

/// The way of a server to that database.
struct Way(Arc<Silence>);

impl Fates for Way {
    fn decide(&self, _: u64, _: &str) -> BoxFuture<'static, Fate> {
        let silence = Arc::clone(&self.0);
        Box::pin(async move {
            if silence.is_on.load(Ordering::SeqCst) {
                silence.end.acquire().await.ok();
            }
            Fate::default()
        })
    }
}

async fn whatever_is_asked_while_the_database_says_nothing_is_answered_in_time(test: TestDatabase) {
    let silence = Silence::new();
    let faults = Faults::new(Arc::new(Way(Arc::clone(&silence))) as Arc<dyn Fates>);
    // The database itself has the patience of half an hour.
    let patient = Database::connect_with_faults(&test.url, None, Limits::PATIENT, &faults).await;
    let secret = format!("--stripe-webhook-secret={WEBHOOK_SECRET}");
    let selling = ["--stripe-secret-key=sk_test_x", &secret];
    let app = TestApp::start(Arc::new(test), patient.unwrap(), Clock::default(), &selling).await;
    let (customer, key) = (app.customer().await, Program::service(&app).await.key.unwrap());
    let deadlines =
        Deadlines { programs: SHORT, stripe: SHORT, people: 10 * SHORT, figures: SHORT };
    let router = router(app.state.clone().with(|parts| parts.deadlines = deadlines));

    silence.begins();
    let asked = addresses().into_iter().flat_map(|address| {
        let path = filled(&address, "x");
        [Method::GET, Method::POST].map(|method| (method, path.clone()))
    });
    let answer_to = |(method, path): (Method, String)| {
        let answer = ask(router.clone(), method.clone(), path.clone(), &customer, &key);
        async move {
            let answer = timeout(AT_LAST, answer).await;
            let answer = answer.unwrap_or_else(|_| panic!("{method} {path} is never answered"));
            (method, path, answer)
        }
    };
    // While it has a connection to itself: the others wait for one, which has an end of its own.
    let (.., reported) = answer_to((Method::POST, "/webhooks/stripe".to_owned())).await;
    assert_eq!(reported.status(), StatusCode::SERVICE_UNAVAILABLE);
    // The figures of the process itself are there in any case.
    let (.., metrics) = answer_to((Method::GET, "/metrics".to_owned())).await;
    assert_eq!(metrics.status(), StatusCode::OK);
    let metrics = to_bytes(metrics.into_body(), 1_000_000).await.unwrap();
    assert!(String::from_utf8_lossy(&metrics).contains("\nrecharge_database_up 0\n"));
    let (.., ready) = answer_to((Method::GET, "/readyz".to_owned())).await;
    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
    let said = to_bytes(ready.into_body(), 1_000).await.unwrap();
    let away = "The database has not taken a write for 2 seconds.\nThe database is away.\n";
    assert_eq!(String::from_utf8_lossy(&said), away);
    let answers = join_all(asked.map(answer_to)).await;
    let of = |method: &Method, path: &str| {
        let found = answers.iter().find(|(m, p, _)| (m, p.as_str()) == (method, path));
        found.unwrap_or_else(|| panic!("{method} {path} was not asked")).2.status()
    };
    for path in ["/api/v1/usage", "/settings/spend-caps"] {
        assert_eq!(of(&Method::POST, path), StatusCode::SERVICE_UNAVAILABLE, "{path}");
    }
    for path in ["/settings/credits", "/settings/credits/history.csv", "/settings/events"] {
        assert_eq!(of(&Method::GET, path), StatusCode::SERVICE_UNAVAILABLE, "{path}");
    }

    silence.ends();
    // What Stripe reported is taken nevertheless.
    let begun = Instant::now();
    while stripe_event::Entity::find().count(app.database.reader()).await.unwrap_or(0) == 0 {
        assert!(begun.elapsed() < AT_LAST, "the event is lost");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Asks as somebody who may: with a customer's cookie, the key of a service, Stripe's signature.
async fn ask(
    router: Router,
    method: Method,
    path: String,
    customer: &Visitor,
    key: &str,
) -> Response {
    let (content_type, body) = match path.as_str() {
        "/webhooks/stripe" => ("application/json", event()),
        _ if path.starts_with("/api/") => {
            let charge = json!({"account": "x", "operation": "backtest", "amount": "1"});
            ("application/json", charge.to_string())
        }
        _ => ("application/x-www-form-urlencoded", "amount=1".to_owned()),
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let signature = sign(WEBHOOK_SECRET, i64::try_from(now).unwrap(), body.as_bytes());
    let cookies = customer.cookies.iter().map(|(name, value)| format!("{name}={value}"));
    let request = Request::builder()
        .method(method)
        .uri(&path)
        .header(HOST, "127.0.0.1:3000")
        .header(CONTENT_TYPE, content_type)
        .header(COOKIE, cookies.collect::<Vec<_>>().join("; "))
        .header(AUTHORIZATION, key)
        .header("idempotency-key", &path)
        .header("sec-fetch-site", "same-origin")
        .header("stripe-signature", signature);
    let mut request = request.body(Body::from(body)).unwrap();
    request.extensions_mut().insert(ConnectInfo(customer.address));
    router.oneshot(request).await.unwrap()
}

fn event() -> String {
    let event = json!({"id": "evt_1", "type": "a.type.of.tomorrow", "data": {"object": {}}});
    event.to_string()
}
