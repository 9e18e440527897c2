//! What the headers of all pages share: the mark of the product, and who is signed in.

use leptos::prelude::*;

/// The mark of the product, which leads home.
#[component]
pub fn Brand(
    /// Where home is.
    home: &'static str,
    /// Whether staff see it.
    #[prop(optional)]
    staff: bool,
) -> impl IntoView {
    view! {
        <a class="brand" href=home>
            <svg
                width="22"
                height="22"
                viewBox="0 0 22 22"
                fill="none"
                stroke="currentColor"
                stroke-width="2.4"
                stroke-linecap="round"
                aria-hidden="true"
            >
                <path d="M17.5 6.5A8 8 0 1 0 19 11"></path>
                <path d="M11 7v4h4"></path>
            </svg>
            "Recharge"
            {staff.then(|| view! { <span class="badge badge-accent">"Staff"</span> })}
        </a>
    }
}

/// Who is signed in, and how they leave.
#[component]
pub fn AccountMenu(
    /// Their name.
    name: String,
    /// Their address.
    email: String,
) -> impl IntoView {
    let initials = initials(&name);
    // Who speaks to their computer says what they see: it is part of the name.
    let spoken = format!("{initials}, account menu of {name}");
    view! {
        <details class="menu">
            <summary aria-label=spoken>
                <span class="avatar" aria-hidden="true">{initials}</span>
            </summary>
            <div>
                <p class="who"><b>{name}</b>{email}</p>
                <form method="post" action="/sign-out">
                    <button type="submit">"Sign out"</button>
                </form>
            </div>
        </details>
    }
}

/// The first letters of the first and the last name.
fn initials(name: &str) -> String {
    let mut words = name.split_whitespace().filter_map(|word| word.chars().next());
    let first = words.next();
    first.into_iter().chain(words.next_back()).flat_map(char::to_uppercase).collect()
}

#[cfg(test)]
mod tests {
    use super::initials;

    #[test]
    fn initials_are_of_the_first_and_the_last_name() {
        assert_eq!(initials("Mira Lindqvist"), "ML");
        assert_eq!(initials("juan de la Cruz"), "JC");
        assert_eq!(initials("Northgate"), "N");
        assert_eq!(initials(""), "");
    }
}
