//! How long a silent process keeps its claim, and how often others look.

use std::time::Duration;

/// How processes keep pace with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// A claim whose process was not seen for so long may be taken over.
    pub lease: Duration,
    /// How often a process that works says that it lives.
    pub renewal: Duration,
    /// How often, at least, a process looks whether a slot of another process is still to be done.
    pub look: Duration,
    /// How much later than others a process looks after a failure: it may be the only one that
    /// can't do the work, and must not win each slot to fail again.
    pub handicap: Duration,
}

impl Pace {
    /// The product's.
    pub const PRODUCT: Self = Self {
        lease: Duration::from_secs(15),
        renewal: Duration::from_secs(5),
        look: Duration::from_secs(5),
        handicap: Duration::from_secs(2),
    };
}

/// Another process takes over the slot of a dead one within 20 s: then what was paid is credited
/// within a minute (see the timetable). One late or lost renewal costs nothing.
const _: () = {
    let Pace { lease, renewal, look, .. } = Pace::PRODUCT;
    assert!(lease.as_secs() + look.as_secs() <= 20);
    assert!(3 * renewal.as_secs() <= lease.as_secs());
};
