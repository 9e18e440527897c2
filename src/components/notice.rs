//! A notice: an icon, the fact, and one sentence about what it means.

use leptos::prelude::*;

use super::{Glyph, Icon};

/// How a notice is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Something to know.
    Neutral,
    /// Something that is going on.
    Info,
    /// Something went well.
    Good,
    /// Something will be lost if nothing is done.
    Warning,
    /// Something failed.
    Bad,
}

impl Tone {
    const fn class(self) -> &'static str {
        match self {
            Self::Neutral => "notice",
            Self::Info => "notice notice-info",
            Self::Good => "notice notice-good",
            Self::Warning => "notice notice-warn",
            Self::Bad => "notice notice-bad",
        }
    }

    const fn glyph(self) -> Glyph {
        match self {
            Self::Neutral | Self::Info => Glyph::Info,
            Self::Good => Glyph::CheckCircle,
            Self::Warning => Glyph::Warning,
            Self::Bad => Glyph::CrossCircle,
        }
    }
}

/// A notice; what is inside it follows the title.
#[component]
pub fn Notice(
    /// How it is meant.
    tone: Tone,
    /// The fact.
    #[prop(into)]
    title: String,
    /// What it means, usually one paragraph.
    children: Children,
) -> impl IntoView {
    let role = matches!(tone, Tone::Warning | Tone::Bad).then_some("alert");
    view! {
        <div class=tone.class() role=role>
            <Icon glyph=tone.glyph()/>
            <div>
                <p class="title">{title}</p>
                {children()}
            </div>
        </div>
    }
}
