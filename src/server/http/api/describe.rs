//! The description of the API: OpenAPI 3.1.

use std::{collections::BTreeMap, sync::LazyLock};

use utoipa::{
    IntoResponses, Modify, OpenApi, PartialSchema, ToSchema,
    openapi::{
        Content, ObjectBuilder, Ref, RefOr, Response, ResponseBuilder, Schema, Type,
        schema::AdditionalProperties,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use super::{described, problem::Problem, webhooks::webhooks};
use crate::{
    credits::{EntryKind, EventKind, HoldState, Operation},
    server::webhooks::{DeliveryState, payload::SENT},
};

/// What is told of the whole API.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Recharge",
        description = "Credits for AI operations: ask the price, set credits aside, do the work, and settle.\n\n\
            Amounts are text with up to three decimals. Every POST carries an `Idempotency-Key`: sent again with \
            the same content it is the same request and has its first outcome; with other content it is refused. A key stands for one request to an account. \
            Problems are `application/problem+json`; their `code` stays, their `detail` is for people.",
    ),
    modifiers(&Key),
    components(schemas(Problem)),
)]
struct Base;

struct Key;

impl Modify for Key {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("rcg_<id>_<secret>")
            .description(Some("An API key, made under Settings → API keys or by an operator."));
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("api_key", SecurityScheme::Http(scheme.build()));
    }
}

/// The description without its routes.
pub fn base() -> utoipa::openapi::OpenApi {
    let mut base = Base::openapi();
    base.info.version = "1".to_owned();
    base.info.license = None;
    base
}

/// The whole description.
#[must_use]
pub fn description() -> &'static utoipa::openapi::OpenApi {
    static DESCRIPTION: LazyLock<utoipa::openapi::OpenApi> =
        LazyLock::new(|| with_webhooks(described().into_openapi()));
    &DESCRIPTION
}

fn with_webhooks(mut openapi: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    let (webhooks, schemas) = webhooks();
    openapi.webhooks = Some(webhooks);
    openapi.components.get_or_insert_default().schemas.extend(schemas);
    openapi
}

/// The whole description as the file that is kept with the sources.
#[must_use]
pub fn description_text() -> String {
    let text = serde_json::to_string_pretty(description()).unwrap_or_default();
    text + "\n"
}

/// Problems by status and cause.
type Causes = [(&'static str, &'static str)];

/// Of every route: each asks for a key.
const KEY: &Causes = &[
    ("401", "No key, a wrong one, or one that was revoked."),
    ("429", "The key asks too fast; `Retry-After` says when to come back."),
];
/// Of every route that takes a body.
const BODY: &Causes = &[
    ("400", "No `Idempotency-Key`, or a body that is no JSON."),
    ("408", "The body does not come within 6 seconds."),
    ("415", "The body is not announced as JSON."),
];
/// Of every route with one thing in its body, which an `Idempotency-Key` stands for.
const ONE: &Causes = &[
    ("413", "The body is too long."),
    (
        "422",
        "A field that can't be meant, named by `field`; or an `Idempotency-Key` that was used for something else.",
    ),
];
/// Of every route that only reads the ledger, and of those that write to it.
const READS: &Causes =
    &[("503", "The ledger can't be reached; `Retry-After` says when to come back.")];
const WRITES: &Causes = &[(
    "503",
    "The ledger can't be reached or has too much to write; `Retry-After` says when to come back.",
)];

/// The problems of some routes: those that they share with others, and their own.
macro_rules! problems {
    ($(#[$doc:meta])* $name:ident: $($shared:ident)+, $($status:literal $cause:literal),+ $(,)?) => {
        $(#[$doc])*
        pub struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                let shared = [$($shared),+].into_iter().flatten().copied();
                let own = [$((stringify!($status), $cause)),+];
                let told = |(status, cause): (&str, &str)| (status.to_owned(), problem(cause).into());
                shared.chain(own).map(told).collect()
            }
        }
    };
}

fn problem(cause: &str) -> Response {
    let schema = Ref::from_schema_name(Problem::name());
    let content = Content::new(Some(RefOr::Ref(schema)));
    ResponseBuilder::new().description(cause).content("application/problem+json", content).build()
}

problems!(
    /// Of every route.
    KeyProblems: KEY READS,
    403 "The key lacks the scope.",
);
problems!(
    /// Of routes that read one thing.
    ReadProblems: KEY READS,
    403 "The key lacks the scope.",
    404 "There is no such thing, or it is another account's.",
);
problems!(
    /// Of routes that read what a query selects.
    QueryProblems: KEY READS,
    400 "A parameter that is unknown or can't be read.",
    403 "The key lacks the scope.",
    404 "There is no such account, or the key is another account's.",
    422 "A parameter that can't be meant.",
);
problems!(
    /// Of routes that write for an account.
    AccountProblems: KEY BODY ONE WRITES,
    403 "The key lacks the scope.",
    404 "There is no such account, or the key is another account's.",
);
problems!(
    /// Of routes that bring users along.
    PlatformProblems: KEY BODY ONE,
    403 "The key lacks the scope, or is not a service's.",
    409 "The e-mail address belongs to another account.",
    503 "The accounts can't be reached; `Retry-After` says when to come back.",
);
problems!(
    /// Of routes that charge or set aside.
    MoneyProblems: KEY BODY ONE WRITES,
    402 "Too little to spend (`insufficient_credits`), or a spend cap would be passed (`spend_cap`). The same key succeeds once there is enough.",
    403 "The key lacks the scope, or its ceiling would be passed.",
    404 "There is no such account or quote, or it is another account's.",
    409 "The quote has expired.",
);
problems!(
    /// Of the batch.
    BatchProblems: KEY BODY,
    403 "The key lacks the scope.",
    413 "The body is too long, or the batch has over 1,000 charges.",
    422 "A field that can't be meant, named by `field`; or an `Idempotency-Key` that was used for another batch.",
    503 "The ledger can't be reached; `Retry-After` says when to come back.",
);
problems!(
    /// Of routes that settle a hold.
    HoldProblems: KEY BODY ONE WRITES,
    403 "The key lacks the scope.",
    404 "There is no such hold, or it is another account's.",
    409 "The hold was settled in another way (`hold_captured`, `hold_released`, `hold_expired`), or more would be captured than is held (`capture_above_hold`).",
);
problems!(
    /// Of the extension of a hold.
    ExtendProblems: KEY BODY ONE WRITES,
    402 "Too little to spend (`insufficient_credits`), or a spend cap would be passed (`spend_cap`).",
    403 "The key lacks the scope, its ceiling would be passed (`above_ceiling`), or the hold was made in no run of the key, which has a ceiling (`other_run`).",
    404 "There is no such hold, or it is another account's.",
    409 "The hold was settled before.",
);

problems!(
    /// Of routes that read what is the platform's.
    ServiceProblems: KEY READS,
    403 "The key lacks the scope, or is not a service's.",
);
problems!(
    /// Of routes that page through what is the platform's.
    PageProblems: KEY READS,
    400 "A parameter that is unknown or can't be read.",
    403 "The key lacks the scope, or is not a service's.",
    404 "There is no such endpoint.",
);
problems!(
    /// Of adding an endpoint.
    EndpointProblems: KEY BODY ONE READS,
    403 "The key lacks the scope, or is not a service's.",
    409 "There are 20 endpoints already.",
);
problems!(
    /// Of sending again.
    DeliveryProblems: KEY BODY ONE READS,
    403 "The key lacks the scope, or is not a service's.",
    404 "There is no such delivery.",
    409 "The endpoint is disabled.",
);

/// The ids of a closed set, as the description names them.
macro_rules! ids {
    ($name:ident, $ids:expr, $description:literal) => {
        #[doc = $description]
        pub struct $name;

        impl ToSchema for $name {}

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .description(Some($description))
                    .enum_values(Some($ids))
                    .into()
            }
        }
    };
}

ids!(OperationId, Operation::ALL.map(Operation::id), "A type of operation.");
ids!(EntryKindId, EntryKind::ALL.map(EntryKind::id), "What a row says happened.");
ids!(HoldStateId, HoldState::ALL.map(HoldState::id), "How far a hold has come.");
ids!(WebhookEventId, SENT.map(EventKind::id), "An event that endpoints are told.");
ids!(DeliveryStateId, DeliveryState::ALL.map(DeliveryState::id), "How far a delivery has come.");
ids!(ReleaseReasonId, ["failed", "cancelled"], "Why a hold is given back.");

/// Quantities by their names.
pub struct QuantityMap;

impl ToSchema for QuantityMap {}

impl PartialSchema for QuantityMap {
    fn schema() -> RefOr<Schema> {
        let number = ObjectBuilder::new().schema_type(Type::Number).build();
        let text = ObjectBuilder::new().schema_type(Type::String).build();
        let value = utoipa::openapi::OneOfBuilder::new().item(number).item(text).build();
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some(
                "Numbers and options by the names of the rate card; see `GET /catalogue`.",
            ))
            .additional_properties(Some(AdditionalProperties::RefOr(RefOr::T(value.into()))))
            .examples([serde_json::json!({"assets": 20, "years": 1, "resolution": "daily"})])
            .into()
    }
}
