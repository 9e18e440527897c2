//! One acknowledged command, as a line of a file: a checksum, then JSON.

use serde::{Deserialize, Serialize};

use super::super::{Outcome, queue::Request};
use crate::{
    credits::{Command, Credits, EntryKind, Operation, Source, Validity},
    server::clock::to_millis,
};

/// What was acknowledged: the entry of one command, with what is needed to carry it out again. It
/// holds no words of customers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Line {
    /// The account.
    pub account: String,
    /// The number of the entry.
    pub seq: i64,
    /// When it happened, in milliseconds since 1970.
    pub at: i64,
    /// What the entry says.
    pub kind: EntryKind,
    /// The operation that is paid for; the one of a hold stands in the line that made the hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// What it did to the available credits, in thousandths.
    pub available_change: i64,
    /// What it did to the held credits, in thousandths.
    pub held_change: i64,
    /// The hold that it made, extended or settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<i64>,
    /// Where granted credits come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// When granted credits expire, in milliseconds since 1970; `None` means after a year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
    /// The purchase that paid for granted credits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purchase: Option<String>,
    /// The idempotency key.
    pub key: String,
    /// The digest of what was asked.
    pub digest: String,
}

impl Line {
    /// Returns `None` if the request has no command: then nothing was acknowledged.
    pub(in crate::server::ledger) fn new(request: &Request, outcome: &Outcome) -> Option<Self> {
        let keyed = request.keyed.as_ref()?;
        let mut line = Self {
            account: request.account.0.clone(),
            seq: outcome.seq,
            at: to_millis(outcome.at),
            kind: outcome.kind,
            operation: None,
            available_change: outcome.available_change.thousandths(),
            held_change: outcome.held_change.thousandths(),
            hold: outcome.hold,
            source: None,
            until: None,
            purchase: None,
            key: keyed.key.key.clone(),
            digest: keyed.key.digest.clone(),
        };
        match &keyed.command {
            Command::Spend { operation, .. } | Command::Hold { operation, .. } => {
                line.operation = Some(*operation);
            }
            Command::Grant { source, validity, purchase, .. } => {
                line.source = Some(*source);
                line.purchase.clone_from(purchase);
                if let Validity::Until(at) = validity {
                    line.until = Some(to_millis(*at));
                }
            }
            Command::Capture { .. } | Command::Release { .. } | Command::Extend { .. } => {}
        }
        Some(line)
    }

    /// Returns what the command did to the balance.
    #[must_use]
    pub const fn amount(&self) -> Credits {
        Credits::from_thousandths(self.available_change + self.held_change)
    }

    /// Appends the line to a text.
    pub fn write(&self, text: &mut Vec<u8>) {
        let start = text.len();
        text.extend_from_slice(b"00000000 ");
        let content = text.len();
        // A struct of texts and numbers always becomes JSON, and a vector takes all.
        if serde_json::to_writer(&mut *text, self).is_err() {
            return text.truncate(start);
        }
        let checksum = format!("{:08x}", crc32fast::hash(&text[content..]));
        text[start..content - 1].copy_from_slice(checksum.as_bytes());
        text.push(b'\n');
    }

    /// Returns `None` if the text isn't a whole line: its writer was killed, or the disk was full.
    pub fn read(text: &[u8]) -> Option<Self> {
        let (checksum, content) = text.split_at_checked(8)?;
        let content = content.strip_prefix(b" ")?;
        let checksum = u32::from_str_radix(str::from_utf8(checksum).ok()?, 16).ok()?;
        if checksum != crc32fast::hash(content) {
            return None;
        }
        serde_json::from_slice(content).ok()
    }
}
