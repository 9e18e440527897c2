//! Small line icons on a grid of 16, drawn in the colour of the text around them.

use leptos::prelude::*;

/// Which icon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glyph {
    /// A leaf of a calendar.
    Calendar,
    /// A bell.
    Bell,
    /// A tick.
    Check,
    /// A tick in a circle: done.
    CheckCircle,
    /// A cross in a circle: failed.
    CrossCircle,
    /// A coin.
    Coin,
    /// An arrow into a tray.
    Download,
    /// A closed letter.
    Envelope,
    /// A dial with a hand.
    Gauge,
    /// A clock that runs backwards.
    History,
    /// An i in a circle.
    Info,
    /// A key.
    Key,
    /// A lock.
    Lock,
    /// A chevron to the left.
    Previous,
    /// A chevron to the right.
    Next,
    /// Two arrows after each other.
    Repeat,
    /// A lens.
    Search,
    /// A chevron down.
    Unfold,
    /// A triangle with an exclamation mark.
    Warning,
}

impl Glyph {
    const fn path(self) -> &'static str {
        match self {
            Self::Calendar => "M2.5 4h11v9.5h-11zM2.5 7h11M5.5 2.5V5M10.5 2.5V5",
            Self::Bell => "M4 11V7a4 4 0 0 1 8 0v4l1.2 1.2H2.8zM6.6 14.3h2.8M8 3V1.8",
            Self::Check => "m3.5 8.3 3 3 6-6.5",
            Self::CheckCircle => "M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0zM5.3 8.2l1.9 1.9 3.6-4",
            Self::CrossCircle => "M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0zM6 6l4 4M10 6l-4 4",
            Self::Coin => {
                "M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0zM8 4.8v6.4M9.9 6.2c-.4-.6-1-.9-1.9-.9-1.1 0-1.9.5-1.9 1.3 0 1.9 3.9.8 3.9 2.7 0 .9-.8 1.4-2 1.4-1 0-1.7-.4-2.1-1"
            }
            Self::Download => "M8 2.5v8M4.8 7.5 8 10.7l3.2-3.2M2.5 13.5h11",
            Self::Envelope => "M2.2 3.8h11.6v8.6H2.2zM2.2 4.3 8 9l5.8-4.7",
            Self::Gauge => "M3.4 12.5a6 6 0 1 1 9.2 0M8 8.5l2.7-2.7M8 8.5v.1",
            Self::History => "M2.5 8a5.5 5.5 0 1 0 1.6-3.9L2.5 5.7M2.5 2.5v3.2h3.2M8 5v3.2l2.2 1.3",
            Self::Info => "M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0zM8 7.3v3.5M8 5.2v.1",
            Self::Key => "M9 10.5a3.5 3.5 0 1 1-7 0 3.5 3.5 0 0 1 7 0zM8 8l5.5-5.5M11 5l2 2",
            Self::Lock => "M3.5 7h9v6.5h-9zM5.5 7V5a2.5 2.5 0 0 1 5 0v2",
            Self::Previous => "M10 3.5 5.5 8l4.5 4.5",
            Self::Next => "M6 3.5 10.5 8 6 12.5",
            Self::Repeat => {
                "M3 7V6a2.5 2.5 0 0 1 2.5-2.5h7M10.3 1.3l2.2 2.2-2.2 2.2M13 9v1a2.5 2.5 0 0 1-2.5 2.5h-7M5.7 14.7l-2.2-2.2 2.2-2.2"
            }
            Self::Search => "M11.5 7a4.5 4.5 0 1 1-9 0 4.5 4.5 0 0 1 9 0zM10.3 10.3l3.5 3.5",
            Self::Unfold => "M3.5 6 8 10.5 12.5 6",
            Self::Warning => "M8 2.2 14.5 13.5h-13zM8 6.5v3.2M8 11.7v.1",
        }
    }
}

/// An icon that repeats what the words beside it say: hidden from screen readers.
#[component]
pub fn Icon(
    /// Which one.
    glyph: Glyph,
    /// Width and height in pixels.
    #[prop(default = 16)]
    size: u8,
) -> impl IntoView {
    view! {
        <svg
            width=size
            height=size
            viewBox="0 0 16 16"
            fill="none"
            stroke="currentColor"
            stroke-width="1.4"
            stroke-linecap="round"
            stroke-linejoin="round"
            aria-hidden="true"
        >
            <path d=glyph.path()></path>
        </svg>
    }
}
