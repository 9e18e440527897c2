//! Customers.
use serde_json::{Value, json};

use super::objects::{self, merge, pick};
use super::{Books, random_text};

impl Books {
    /// Makes a customer from fields that the schema has read.
    pub fn new_customer(&mut self, fields: &Value) -> String {
        let id = format!("cus_{}", random_text(14));
        let mut customer = objects::customer(
            json!({ "id": id, "created": self.now(), "invoice_prefix": random_text(8).to_uppercase() }),
        );
        merge(
            &mut customer,
            pick(
                fields,
                &[
                    "address",
                    "description",
                    "email",
                    "metadata",
                    "name",
                    "phone",
                    "preferred_locales",
                ],
            ),
        );
        self.put(customer);
        self.emit("customer.created", &id);
        id
    }
}
