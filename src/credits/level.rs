//! How much is left, as people hear of it: once on the way down, once at nothing, once on the way
//! up again.

use std::str::FromStr;

use super::{Credits, Event};

/// What a customer heard last of their balance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// There is enough.
    #[default]
    Fine,
    /// Less than they want to have.
    Low,
    /// Nothing.
    Empty,
}

impl Level {
    /// The id in the database.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Low => "low",
            Self::Empty => "empty",
        }
    }

    /// That of a balance, held credits included: a hold moves no ownership.
    #[must_use]
    pub fn of(balance: Credits, low_at: Option<Credits>) -> Self {
        if !balance.is_positive() {
            Self::Empty
        } else if low_at.is_some_and(|low_at| balance < low_at) {
            Self::Low
        } else {
            Self::Fine
        }
    }
}

impl FromStr for Level {
    type Err = ();

    fn from_str(id: &str) -> Result<Self, Self::Err> {
        [Self::Fine, Self::Low, Self::Empty].into_iter().find(|it| it.id() == id).ok_or(())
    }
}

/// A balance with what is to be said of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watch {
    /// Below which balance the customer wants to hear of it.
    pub low_at: Option<Credits>,
    /// What they heard last.
    pub level: Level,
}

impl Watch {
    /// Looks at a balance; says what is new about it.
    pub fn look(&mut self, balance: Credits) -> Option<Event> {
        let before = std::mem::replace(&mut self.level, Level::of(balance, self.low_at));
        match (before, self.level) {
            (Level::Fine, Level::Low) => self.low_at.map(|low_at| Event::Low { balance, low_at }),
            (Level::Fine | Level::Low, Level::Empty) => Some(Event::Depleted),
            (Level::Low | Level::Empty, Level::Fine) => {
                Some(Event::Recovered { balance, low_at: None })
            }
            (Level::Empty, Level::Low) => Some(Event::Recovered { balance, low_at: self.low_at }),
            (Level::Fine, Level::Fine)
            | (Level::Low, Level::Low)
            | (Level::Empty, Level::Empty) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credits(whole: i64) -> Credits {
        Credits::try_from_whole(whole).unwrap()
    }

    #[test]
    fn a_falling_balance_is_told_once_when_low_once_at_nothing_and_once_when_back() {
        let mut watch = Watch { low_at: Some(credits(100)), level: Level::Fine };
        let balances = [500, 100, 99, 50, 99, 0, 0, 40, 100, 300];
        let told: Vec<_> =
            balances.into_iter().map(|balance| watch.look(credits(balance))).collect();
        let low = Event::Low { balance: credits(99), low_at: credits(100) };
        let (some, fine) = (credits(40), credits(100));
        let expected = [
            None,
            None,
            Some(low),
            None,
            None,
            Some(Event::Depleted),
            None,
            Some(Event::Recovered { balance: some, low_at: Some(fine) }),
            Some(Event::Recovered { balance: fine, low_at: None }),
            None,
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn who_set_no_threshold_hears_of_nothing_left_alone() {
        let mut watch = Watch::default();
        assert_eq!(watch.look(credits(1)), None);
        assert_eq!(watch.look(Credits::ZERO), Some(Event::Depleted));
    }
}
