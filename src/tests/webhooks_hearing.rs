//! A server of the platform's that is told of events, and what happens to be told of.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use futures::future::BoxFuture;
use recharge::{
    credits::{AccountId, Event},
    server::{
        clock::Clock,
        database::Database,
        entity::{event, outbox, webhook_attempt},
        events,
        webhooks::{self, Added, Kinds, Resolve, Settings, Webhooks},
    },
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
};
use serde_json::Value;

use crate::app::TestApp;

/// What a server of the platform's was told.
#[derive(Clone, Debug)]
pub struct Heard {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Heard {
    /// A header as text.
    pub fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    /// The id of the message.
    pub fn id(&self) -> &str {
        self.header("webhook-id")
    }

    /// What it says.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Whether it was signed with this secret, by the standard's own library. That reads no other
    /// clock than the machine's, so its age is not looked at.
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let standard = standardwebhooks::Webhook::new(secret).unwrap();
        let timestamp = self.header("webhook-timestamp").parse().unwrap();
        let signed = standard.sign(self.id(), timestamp, &self.body).unwrap();
        self.header("webhook-signature").split(' ').any(|signature| signature == signed)
    }
}

type Answering = Box<dyn Fn(&Heard) -> BoxFuture<'static, Response> + Send + Sync>;

/// A server of the platform's on this machine. Clones are the same one.
#[derive(Clone)]
pub struct Hearing {
    /// Where it listens.
    pub address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
    answering: Arc<Mutex<Arc<Answering>>>,
}

impl Hearing {
    /// One that takes everything.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let hearing = Self {
            address: listener.local_addr().unwrap(),
            heard: Arc::default(),
            answering: Arc::new(Mutex::new(Arc::new(answer_with(200)))),
        };
        let router = Router::new().fallback(hear).with_state(hearing.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
        hearing
    }

    /// The address for an endpoint.
    pub fn url(&self) -> String {
        format!("http://{}/hooks?from=recharge", self.address)
    }

    /// Answers so from now on.
    pub fn answers(&self, status: u16) {
        self.answers_by(answer_with(status));
    }

    /// Answers so from now on, each in its own way.
    pub fn answers_by(&self, answering: Answering) {
        *self.answering.lock().unwrap() = Arc::new(answering);
    }

    /// All that it was told, in order.
    pub fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    /// The ids of all that it was told, in order.
    pub fn ids(&self) -> Vec<String> {
        self.heard().iter().map(|heard| heard.id().to_owned()).collect()
    }

    /// Waits until it was told so much.
    pub async fn has_heard(&self, count: usize) {
        let waiting = async {
            while self.heard().len() < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(20), waiting).await;
        assert!(waited.is_ok(), "heard {} of {count}", self.heard().len());
    }
}

/// An answer of nothing but its status.
pub fn answer_with(status: u16) -> Answering {
    let status = StatusCode::from_u16(status).unwrap();
    Box::new(move |_| Box::pin(async move { status.into_response() }))
}

async fn hear(
    State(hearing): State<Hearing>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let heard = Heard { path: uri.to_string(), headers, body };
    let answering = Arc::clone(&hearing.answering.lock().unwrap());
    let answer = answering(&heard);
    hearing.heard.lock().unwrap().push(heard);
    answer.await
}

/// Tells each name these addresses, one list for each time that it is asked for, the last for ever.
pub struct Names {
    lists: Mutex<Vec<Vec<IpAddr>>>,
    asked: Mutex<usize>,
}

impl Names {
    pub fn new(lists: &[&[&str]]) -> Arc<Self> {
        let list = |list: &&[&str]| list.iter().map(|it| it.parse().unwrap()).collect();
        let lists = lists.iter().rev().map(list).collect();
        Arc::new(Self { lists: Mutex::new(lists), asked: Mutex::default() })
    }

    /// How often a name was asked for.
    pub fn asked(&self) -> usize {
        *self.asked.lock().unwrap()
    }
}

impl Resolve for Names {
    fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, std::io::Result<Vec<SocketAddr>>> {
        *self.asked.lock().unwrap() += 1;
        let mut lists = self.lists.lock().unwrap();
        let list = if lists.len() > 1 { lists.pop().unwrap() } else { lists[0].clone() };
        Box::pin(async move { Ok(list.into_iter().map(|it| SocketAddr::new(it, 0)).collect()) })
    }
}

/// Settings with which messages reach this machine.
pub fn at_home() -> Settings {
    Settings::new(true)
}

/// The webhooks of a process with these settings.
pub fn process(database: &Database, clock: &Clock, settings: Settings) -> Webhooks {
    Webhooks::new(database.clone(), clock.clone(), settings).unwrap()
}

/// The webhooks of an app, which reach this machine.
pub fn webhooks_of(app: &TestApp) -> Webhooks {
    process(&app.database, &app.clock, at_home())
}

/// Has a server told of everything that is sent.
pub async fn listen(webhooks: &Webhooks, hearing: &Hearing) -> Added {
    webhooks.add(&hearing.url(), Kinds::default(), None).await.unwrap()
}

/// Something happens to an account, and is told.
pub async fn happens(app: &TestApp, account: &AccountId, happened: &Event) {
    tell(app, account, &uuid::Uuid::now_v7().to_string(), happened).await;
}

/// The same for a cause of this name; what was told before is not told again.
pub async fn tell(app: &TestApp, account: &AccountId, cause: &str, happened: &Event) {
    let now = app.clock.now();
    let row = events::row(account, cause, happened, now).unwrap();
    let work = app.database.write(move |transaction| {
        let row = row.clone();
        Box::pin(async move {
            let insert = event::Entity::insert(row.clone().into_active_model().reset_all());
            insert.exec_without_returning(transaction).await?;
            for message in webhooks::messages(transaction, [&row].into_iter(), now).await? {
                let insert = outbox::Entity::insert(message.into_active_model().reset_all());
                insert.exec_without_returning(transaction).await?;
            }
            Ok(())
        })
    });
    work.await.unwrap();
}

/// All messages to endpoints, in order.
pub async fn messages(app: &TestApp) -> Vec<outbox::Model> {
    let find = outbox::Entity::find().filter(outbox::Column::Channel.eq("webhook"));
    find.order_by_asc(outbox::Column::Id).all(app.database.reader()).await.unwrap()
}

/// The states that messages are in.
pub async fn states(app: &TestApp) -> BTreeSet<String> {
    messages(app).await.into_iter().map(|message| message.state).collect()
}

/// The log of all attempts, in order.
pub async fn attempts(app: &TestApp) -> Vec<webhook_attempt::Model> {
    let find = webhook_attempt::Entity::find().order_by_asc(webhook_attempt::Column::Id);
    find.all(app.database.reader()).await.unwrap()
}

/// Something that happened to an account and waits to be told to an endpoint, the only one: the
/// ids of both.
pub async fn said_to_platform(app: &TestApp, account: &AccountId) -> (String, String) {
    let webhooks = webhooks_of(app);
    for endpoint in webhooks.list().await.unwrap() {
        webhooks.remove(&endpoint.id).await.unwrap();
    }
    let added = webhooks.add("https://1.1.1.1/hooks", Kinds::default(), None).await.unwrap();
    happens(app, account, &Event::Depleted).await;
    (added.endpoint.id, messages(app).await.pop().unwrap().id)
}
