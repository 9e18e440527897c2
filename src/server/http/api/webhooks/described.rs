//! What endpoints are sent, for the description: `webhooks` of OpenAPI 3.1.

use utoipa::{
    ToSchema,
    openapi::{
        Content, HttpMethod, KnownFormat, ObjectBuilder, PathItem, Ref, RefOr, Required,
        ResponseBuilder, ResponsesBuilder, Schema, SchemaFormat, Type,
        path::{OperationBuilder, Parameter, ParameterBuilder, ParameterIn, Paths, PathsBuilder},
        request_body::RequestBodyBuilder,
    },
};

use crate::{
    credits::EventKind,
    server::webhooks::payload::{
        AutoRechargePaused, CreditsDepleted, CreditsExpiring, CreditsLow, CreditsRecovered,
        PurchaseCredited, PurchaseFailed,
    },
};

/// Schemas by their names.
type Schemas = Vec<(String, RefOr<Schema>)>;

/// All that is sent, and the schemas that it names.
#[must_use]
pub fn webhooks() -> (Paths, Schemas) {
    let (paths, schemas) = (PathsBuilder::new(), Schemas::new());
    let told = (paths, schemas);
    let told = tell::<CreditsLow>(told, EventKind::Low);
    let told = tell::<CreditsDepleted>(told, EventKind::Depleted);
    let told = tell::<CreditsRecovered>(told, EventKind::Recovered);
    let told = tell::<CreditsExpiring>(told, EventKind::Expiring);
    let told = tell::<PurchaseCredited>(told, EventKind::PurchaseCredited);
    let told = tell::<PurchaseFailed>(told, EventKind::PurchaseFailed);
    let (paths, schemas) = tell::<AutoRechargePaused>(told, EventKind::AutoRechargePaused);
    (paths.build(), schemas)
}

fn tell<Data: ToSchema>(
    (paths, mut schemas): (PathsBuilder, Schemas),
    kind: EventKind,
) -> (PathsBuilder, Schemas) {
    Data::schemas(&mut schemas);
    schemas.push((Data::name().into_owned(), Data::schema()));
    let summary = match Data::schema() {
        RefOr::T(Schema::Object(data)) => data.description,
        RefOr::T(Schema::AllOf(data)) => data.description,
        _ => None,
    };
    let content = Content::new(Some(envelope(kind, &Data::name())));
    let body = RequestBodyBuilder::new().content("application/json", content);
    let answer = |text: &str| ResponseBuilder::new().description(text);
    let answers = ResponsesBuilder::new()
        .response("2XX", answer("It was taken."))
        .response("410", answer("The endpoint wants nothing more, and is disabled."))
        .response("default", answer("It was not taken: it is sent again, for three days."));
    let operation = OperationBuilder::new()
        .tag("Webhooks")
        .operation_id(Some(kind.id().replace('.', "_")))
        .summary(summary)
        .parameters(Some(headers()))
        .request_body(Some(body.required(Some(Required::True)).build()))
        .responses(answers.build());
    (paths.path(kind.id(), PathItem::new(HttpMethod::Post, operation)), schemas)
}

fn envelope(kind: EventKind, data: &str) -> RefOr<Schema> {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let timestamp = text()
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .description(Some("When it happened."));
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .property("type", text().enum_values(Some([kind.id()])))
        .property("timestamp", timestamp)
        .property("data", Ref::from_schema_name(data))
        .required("type")
        .required("timestamp")
        .required("data")
        .into()
}

/// The headers of Standard Webhooks.
fn headers() -> Vec<Parameter> {
    let header = |name: &str, description: &str| {
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(Required::True)
            .description(Some(description))
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
            .build()
    };
    vec![
        header("webhook-id", "The message; the same each time that it is sent."),
        header("webhook-timestamp", "When this attempt was made, in seconds since 1970."),
        header(
            "webhook-signature",
            "`v1,` and the base64 of HMAC-SHA256 over `webhook-id.webhook-timestamp.body`, for \
             each secret of the endpoint, with blanks between them.",
        ),
    ]
}
