//! One acknowledged command, as a line of a file: a checksum, then JSON.

use serde::{Deserialize, Serialize};

use super::super::{Outcome, queue::Request};
use crate::{
    credits::{Command, Credits, EntryKind, Operation, Source, Validity},
    server::clock::to_millis,
};

/// One acknowledged command: its entry, and all that is needed to carry it out again. It holds no
/// text that a customer wrote.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Line {
    /// The account.
    pub account: String,
    /// The number of the entry.
    pub seq: i64,
    /// When it happened, in milliseconds since 1970.
    pub at: i64,
    /// The kind of the entry.
    pub kind: EntryKind,
    /// The operation that is paid for. A line that extends or settles a hold has none: the line
    /// that made the hold names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// The change of the available credits, in thousandths.
    pub available_change: i64,
    /// The change of the held credits, in thousandths.
    pub held_change: i64,
    /// The hold that the command made, extended or settled.
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
    /// The digest of the request.
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

    /// Returns the change of the balance.
    #[must_use]
    pub const fn amount(&self) -> Credits {
        Credits::from_thousandths(self.available_change + self.held_change)
    }

    /// Appends the line to a text.
    pub fn write(&self, text: &mut Vec<u8>) {
        let start = text.len();
        text.extend_from_slice(b"00000000 ");
        let content = text.len();
        // A struct of texts and numbers always becomes JSON, and a vector takes every write.
        if serde_json::to_writer(&mut *text, self).is_err() {
            return text.truncate(start);
        }
        let checksum = format!("{:08x}", crc32fast::hash(&text[content..]));
        text[start..content - 1].copy_from_slice(checksum.as_bytes());
        text.push(b'\n');
    }

    /// Reads a line. Returns `None` if it isn't whole: its writer was killed, or the disk was full.
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
