//! Stripe's form encoding: `line_items[0][price_data][currency]=usd`, `expand[]=line_items`.
use serde_json::{Map, Value};

/// The pairs as a tree: text at the leaves, objects above (lists are objects keyed by number).
///
/// # Errors
/// The name of a parameter whose brackets make no sense.
pub fn decode(text: &str) -> Result<Map<String, Value>, String> {
    let mut tree = Map::new();
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        let path = path_of(&name).ok_or_else(|| name.to_string())?;
        insert(&mut tree, &path, value.into_owned()).ok_or_else(|| name.to_string())?;
    }
    Ok(tree)
}

fn path_of(name: &str) -> Option<Vec<String>> {
    let Some((root, rest)) = name.split_once('[') else {
        return (!name.is_empty()).then(|| vec![name.to_owned()]);
    };
    let inner = rest.strip_suffix(']')?;
    let mut path = vec![root.to_owned()];
    path.extend(inner.split("][").map(str::to_owned));
    let sound =
        !root.is_empty() && path.len() <= 12 && path.iter().all(|part| !part.contains(['[', ']']));
    sound.then_some(path)
}

fn insert(tree: &mut Map<String, Value>, path: &[String], value: String) -> Option<()> {
    let (first, rest) = path.split_first()?;
    let key = if first.is_empty() { tree.len().to_string() } else { first.clone() };
    if rest.is_empty() {
        tree.insert(key, Value::String(value));
        return Some(());
    }
    let branch = tree.entry(key).or_insert_with(|| Value::Object(Map::new()));
    insert(branch.as_object_mut()?, rest, value)
}

#[cfg(test)]
mod tests {
    use super::decode;
    use serde_json::json;

    #[test]
    fn brackets_become_a_tree() {
        let tree = decode("a%5B0%5D%5Bb%5D=1&a[0][c]=two+words&d=x&e[]=p&e[]=q").unwrap();
        assert_eq!(
            json!(tree),
            json!({"a": {"0": {"b": "1", "c": "two words"}}, "d": "x", "e": {"0": "p", "1": "q"}})
        );
    }

    #[test]
    fn brackets_that_make_no_sense_are_refused_by_name() {
        for name in ["a[", "[b]", "a[b", "a[b]c", "a[[b]]"] {
            assert_eq!(decode(&format!("{name}=1")), Err(name.to_owned()), "{name}");
        }
        assert_eq!(decode("a=1&a[b]=2"), Err("a[b]".to_owned()));
    }
}
