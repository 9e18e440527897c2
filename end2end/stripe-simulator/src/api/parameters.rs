//! The parameters of each route, from Stripe's API reference for the version that the client pins.
use super::schema::{EXPAND, Field, Kind};

use Kind::{
    Bool, Currency, Email, Int, List, Metadata, NotSimulated, Object, Off, OneOf, Text, Url,
};

/// Routes that only retrieve.
pub const RETRIEVE: &[Field] = &[EXPAND];

const LONG: Kind = Text(5000);
const RANGE: Kind = Object(&[("gt", Int), ("gte", Int), ("lt", Int), ("lte", Int)]);
const LIMIT: Field = ("limit", Int);
const STARTING_AFTER: Field = ("starting_after", LONG);
const ENDING_BEFORE: Field = ("ending_before", LONG);

/// `GET /v1/checkout/sessions/:id/line_items`
pub const LIST_LINE_ITEMS: &[Field] = &[EXPAND, LIMIT, STARTING_AFTER, ENDING_BEFORE];

/// `GET /v1/checkout/sessions`
pub const LIST_SESSIONS: &[Field] = &[
    EXPAND,
    LIMIT,
    STARTING_AFTER,
    ENDING_BEFORE,
    ("created", RANGE),
    ("customer", LONG),
    ("payment_intent", LONG),
    ("status", OneOf(&["complete", "expired", "open"])),
    ("customer_details", Object(&[("email", Email)])),
];

/// `GET /v1/events`
pub const LIST_EVENTS: &[Field] = &[
    EXPAND,
    LIMIT,
    STARTING_AFTER,
    ENDING_BEFORE,
    ("created", RANGE),
    ("type", LONG),
    ("types", List(&LONG)),
    ("delivery_success", Bool),
];

/// `GET /v1/payment_intents`
pub const LIST_INTENTS: &[Field] =
    &[EXPAND, LIMIT, STARTING_AFTER, ENDING_BEFORE, ("created", RANGE), ("customer", LONG)];

/// `GET /v1/charges`
pub const LIST_CHARGES: &[Field] = &[
    EXPAND,
    LIMIT,
    STARTING_AFTER,
    ENDING_BEFORE,
    ("created", RANGE),
    ("customer", LONG),
    ("payment_intent", LONG),
];

/// `GET /v1/refunds`, `GET /v1/disputes`
pub const LIST_REVERSALS: &[Field] = &[
    EXPAND,
    LIMIT,
    STARTING_AFTER,
    ENDING_BEFORE,
    ("created", RANGE),
    ("charge", LONG),
    ("payment_intent", LONG),
];

/// `POST /v1/refunds`
pub const CREATE_REFUND: &[Field] = &[
    EXPAND,
    ("amount", Int),
    ("charge", LONG),
    ("currency", NotSimulated),
    ("customer", NotSimulated),
    ("instructions_email", NotSimulated),
    ("metadata", Metadata),
    ("origin", NotSimulated),
    ("payment_intent", LONG),
    ("reason", OneOf(&["duplicate", "fraudulent", "requested_by_customer"])),
    ("refund_application_fee", NotSimulated),
    ("reverse_transfer", NotSimulated),
];

/// `GET /v1/customers`
pub const LIST_CUSTOMERS: &[Field] =
    &[EXPAND, LIMIT, STARTING_AFTER, ENDING_BEFORE, ("created", RANGE), ("email", LONG)];

const ADDRESS: Kind = Object(&[
    ("city", LONG),
    ("country", LONG),
    ("line1", LONG),
    ("line2", LONG),
    ("postal_code", LONG),
    ("state", LONG),
]);

/// `GET /v1/payment_methods`, `GET /v1/customers/:id/payment_methods`
pub const LIST_PAYMENT_METHODS: &[Field] = &[
    EXPAND,
    LIMIT,
    STARTING_AFTER,
    ENDING_BEFORE,
    ("customer", LONG),
    ("type", OneOf(&["card", "sepa_debit"])),
];

/// `POST /v1/payment_intents`: off-session payments, confirmed at once. `payment_method_types` is absent as below.
pub const CREATE_INTENT: &[Field] = &[
    EXPAND,
    ("amount", Int),
    (
        "automatic_payment_methods",
        Object(&[("allow_redirects", OneOf(&["never"])), ("enabled", Bool)]),
    ),
    ("capture_method", OneOf(&["automatic", "automatic_async"])),
    ("confirm", Bool),
    ("currency", Currency),
    ("customer", LONG),
    ("description", Text(1000)),
    ("error_on_requires_action", Bool),
    ("metadata", Metadata),
    ("off_session", Bool),
    ("payment_method", LONG),
    ("receipt_email", Email),
    ("statement_descriptor", Text(22)),
    ("statement_descriptor_suffix", Text(22)),
];

/// `POST /v1/customers`
pub const CREATE_CUSTOMER: &[Field] = &[
    EXPAND,
    ("address", ADDRESS),
    ("description", LONG),
    ("email", Text(512)),
    ("metadata", Metadata),
    ("name", Text(256)),
    ("phone", Text(20)),
    ("preferred_locales", List(&LONG)),
];

const PRICE_DATA: Kind = Object(&[
    ("currency", Currency),
    ("product", NotSimulated),
    (
        "product_data",
        Object(&[
            ("name", LONG),
            ("description", Text(40_000)),
            ("images", List(&Url)),
            ("metadata", Metadata),
            ("tax_code", LONG),
            ("unit_label", Text(12)),
        ]),
    ),
    ("recurring", NotSimulated),
    ("tax_behavior", OneOf(&["exclusive", "inclusive", "unspecified"])),
    ("unit_amount", Int),
    ("unit_amount_decimal", NotSimulated),
]);

const LINE_ITEM: Kind = Object(&[
    ("adjustable_quantity", Object(&[("enabled", Off), ("maximum", Int), ("minimum", Int)])),
    ("dynamic_tax_rates", NotSimulated),
    ("metadata", Metadata),
    ("price", NotSimulated),
    ("price_data", PRICE_DATA),
    ("quantity", Int),
    ("tax_rates", NotSimulated),
]);

const PAYMENT_INTENT_DATA: Kind = Object(&[
    ("application_fee_amount", NotSimulated),
    ("capture_method", OneOf(&["automatic", "automatic_async"])),
    ("description", Text(1000)),
    ("metadata", Metadata),
    ("on_behalf_of", NotSimulated),
    ("receipt_email", Email),
    ("setup_future_usage", OneOf(&["off_session", "on_session"])),
    ("shipping", NotSimulated),
    ("statement_descriptor", Text(22)),
    ("statement_descriptor_suffix", Text(22)),
    ("transfer_data", NotSimulated),
    ("transfer_group", NotSimulated),
]);

const MESSAGE: Kind = Object(&[("message", Text(1200))]);
const OFF: Kind = Object(&[("enabled", Off)]);

/// `POST /v1/checkout/sessions`. `payment_method_types` is absent on purpose: the pinned version has removed it.
pub const CREATE_SESSION: &[Field] = &[
    EXPAND,
    ("adaptive_pricing", OFF),
    ("after_expiration", NotSimulated),
    ("allow_promotion_codes", Off),
    ("allowed_payment_method_types", NotSimulated),
    ("automatic_tax", OFF),
    ("billing_address_collection", OneOf(&["auto"])),
    ("branding_settings", NotSimulated),
    ("cancel_url", Url),
    ("client_reference_id", Text(200)),
    (
        "consent_collection",
        Object(&[
            ("payment_method_reuse_agreement", NotSimulated),
            ("promotions", OneOf(&["none"])),
            ("terms_of_service", OneOf(&["none", "required"])),
        ]),
    ),
    ("currency", Currency),
    ("custom_fields", NotSimulated),
    (
        "custom_text",
        Object(&[
            ("after_submit", MESSAGE),
            ("shipping_address", MESSAGE),
            ("submit", MESSAGE),
            ("terms_of_service_acceptance", MESSAGE),
        ]),
    ),
    ("customer", LONG),
    ("customer_account", NotSimulated),
    ("customer_creation", OneOf(&["always", "if_required"])),
    ("customer_email", Email),
    ("customer_update", NotSimulated),
    ("discounts", NotSimulated),
    ("excluded_payment_method_types", NotSimulated),
    ("expires_at", Int),
    ("integration_identifier", Text(200)),
    ("invoice_creation", OFF),
    ("line_items", List(&LINE_ITEM)),
    ("locale", Text(10)),
    ("managed_payments", OFF),
    ("metadata", Metadata),
    ("mode", OneOf(&["payment", "setup", "subscription"])),
    ("name_collection", NotSimulated),
    ("optional_items", NotSimulated),
    ("origin_context", OneOf(&["mobile_app", "web"])),
    ("payment_intent_data", PAYMENT_INTENT_DATA),
    ("payment_method_collection", OneOf(&["if_required"])),
    ("payment_method_configuration", NotSimulated),
    ("payment_method_data", NotSimulated),
    ("payment_method_options", NotSimulated),
    ("permissions", NotSimulated),
    ("phone_number_collection", OFF),
    ("redirect_on_completion", NotSimulated),
    ("return_url", NotSimulated),
    ("saved_payment_method_options", NotSimulated),
    (
        "setup_intent_data",
        Object(&[
            ("description", Text(1000)),
            ("metadata", Metadata),
            ("on_behalf_of", NotSimulated),
        ]),
    ),
    ("shipping_address_collection", NotSimulated),
    ("shipping_options", NotSimulated),
    ("submit_type", OneOf(&["auto", "book", "donate", "pay"])),
    ("subscription_data", NotSimulated),
    ("success_url", Url),
    ("tax_id_collection", OFF),
    ("ui_mode", OneOf(&["elements", "embedded_page", "hosted_page"])),
    ("wallet_options", NotSimulated),
];
