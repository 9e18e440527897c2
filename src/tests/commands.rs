//! The commands that most tests begin with.

use recharge::credits::{Command, Credits, Note, Operation, Source, Validity};

/// So many whole credits.
pub fn credits(whole: i64) -> Credits {
    Credits::try_from_whole(whole).unwrap()
}

/// A promotion that lasts a year.
pub fn grant(whole: i64) -> Command {
    grant_valid(whole, Validity::OneYear)
}

/// A promotion that lasts so long.
pub fn grant_valid(whole: i64, validity: Validity) -> Command {
    let (source, note) = (Source::Promotion, Note::default());
    Command::Grant { source, amount: credits(whole), validity, purchase: None, note }
}

/// A charge for a model's answer.
pub fn spend(whole: i64) -> Command {
    spend_on(Operation::Inference, whole)
}

/// A charge for an operation.
pub fn spend_on(operation: Operation, whole: i64) -> Command {
    Command::Spend { operation, amount: credits(whole), note: Note::default() }
}
