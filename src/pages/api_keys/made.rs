//! A key that was just made: the only time that its secret is on a page.

use std::fmt;

use leptos::{nonce::use_nonce, prelude::*};
use serde::{Deserialize, Serialize};

use super::KeyForm;
use crate::components::{Notice, Tone};

/// What came of the form; the answer to its post shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormOutcome {
    /// A key.
    Made(NewKey),
    /// Something is wrong with what was entered.
    Refused(KeyForm),
}

/// A new key with its secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewKey {
    /// What it is called.
    pub name: String,
    /// As programs send it.
    pub text: String,
}

impl fmt::Debug for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewKey").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Copies the key; where the browser doesn't let it, selects the key for the keyboard.
const COPY: &str = "\
const button = document.getElementById('copy-key'), key = document.getElementById('new-key');
button.hidden = false;
button.addEventListener('click', async () => {
  const said = document.getElementById('copied');
  try {
    await navigator.clipboard.writeText(key.textContent);
    said.textContent = 'Copied.';
  } catch {
    getSelection().selectAllChildren(key);
    said.textContent = 'Selected: copy it with Ctrl+C or ⌘C.';
  }
});";

/// The key, to be copied now.
#[component]
pub fn MadeKey(
    /// The key.
    key: NewKey,
) -> impl IntoView {
    view! {
        <section class="made-key" aria-labelledby="made">
            <Notice tone=Tone::Good title="">
                <h2 class="title" id="made">"\u{201c}"{key.name}"\u{201d} is made"</h2>
                <p>"Copy the key now and keep it where your program finds it. It is not shown again."</p>
                <code id="new-key" tabindex="0">{key.text}</code>
                <p class="row">
                    <button class="button" id="copy-key" type="button" hidden=true>"Copy the key"</button>
                    <span class="small" id="copied" role="status"></span>
                </p>
            </Notice>
            <script nonce=use_nonce()>{COPY}</script>
        </section>
    }
}
