//! Promises about jobs, and about prices as far as SQL can judge them.

use super::check::Promise;

pub(super) const CHECKS: &[Promise] = &[
    ("jobs", "slot % (next_slot - slot) <> 0", "its job has no such slot: it would be done twice"),
    ("jobs", "length(claim) <> 32", "its claim is not valid"),
    (
        "jobs",
        "claimed_at < slot OR finished_at < claimed_at - {slack} OR (error IS NOT NULL AND done <> 0)",
        "it was done before it was due, or has both failed and done something",
    ),
    (
        "purchases",
        "NOT EXISTS (SELECT 1 FROM catalogues
                     WHERE catalogues.version = purchases.catalogue_version)",
        "it was bought from a catalogue that was never published",
    ),
    (
        "catalogues",
        "effective_from < published_at",
        "it took effect before it was published: what was charged would have cost something else",
    ),
    (
        "catalogues",
        "EXISTS (SELECT 1 FROM quotes
                 WHERE quotes.rate_card = catalogues.version
                   AND quotes.created_at < catalogues.effective_from - {slack})
         AND EXISTS (SELECT 1 FROM catalogues AS earlier
                     WHERE earlier.effective_from < catalogues.effective_from)",
        "a quote was made from it before it took effect",
    ),
    // 15 minutes.
    ("quotes", "valid_until <> created_at + 900000", "its validity is not 15 minutes"),
    ("quotes", "substr(id, 1, 4) <> 'quo_' OR length(id) <> 36", "its id is not valid"),
];
