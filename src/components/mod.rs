//! Widgets that know nothing of credits.
//!
//! Each renders on the server and needs no script; its look is in `style/` under the same name.
//! `live_form` is what islands share that bring a form to life.

mod bar_chart;
mod dates;
mod empty;
mod field_error;
mod figures;
mod icon;
mod live_figure;
mod live_form;
mod notice;
mod pager;

pub use bar_chart::{Bar, BarChart, BarPart};
pub use dates::{Day, Moment, day_and_month, day_text, days_from_to, minute_text, relative_days};
pub use empty::Empty;
pub use field_error::FieldError;
pub use figures::{Column, percent_shares, plural, rounded, tenths};
pub use icon::{Glyph, Icon};
pub use live_figure::{Figure, FigureRow, Said, said};
pub use live_form::{LiveForm, set_hidden};
pub use notice::{Notice, Tone};
pub use pager::Pager;
