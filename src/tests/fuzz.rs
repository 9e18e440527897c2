//! Spoils good input and holds that whoever reads it keeps their promise.
//!
//! A target runs a fixed number of cases. `TEST_FUZZ_SECONDS` makes it run for so long instead, and
//! `TEST_SEED` runs the cases again that a failure has named.

use std::{
    fmt,
    time::{Duration, Instant},
};

use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
    strategy::Union,
    test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner},
};
use serde_json::{Value, json};

use crate::databases::seed;

/// No input is longer, whatever is repeated in it.
const LONGEST: usize = 100_000;

/// What no field expects, to be put anywhere.
const PIECES: [&[u8]; 40] = [
    b"\0",
    b"\x1b",
    b"\x7f",
    b"\t",
    b"\r",
    b"\n",
    b"\r\n",
    b"\xff",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    "\u{feff}".as_bytes(),
    "\u{202e}".as_bytes(),
    "\u{2028}".as_bytes(),
    "\u{a0}".as_bytes(),
    "\u{2212}".as_bytes(),
    "\u{ff1d}".as_bytes(),
    "٣".as_bytes(),
    "é".as_bytes(),
    "e\u{301}".as_bytes(),
    "💩".as_bytes(),
    b"\\u0000",
    b"\\ud800",
    b"\"",
    b"'",
    b"\\",
    b"{",
    b"[",
    b",",
    b".",
    b"=",
    b"&",
    b"%00",
    b"%ff",
    b"-",
    b"+",
    b"0",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"99999999999999999999999999999999999999999",
    b"1e309",
];

/// Bytes that are shown as text where a case fails.
#[derive(Clone, PartialEq, Eq)]
pub struct Spoiled(pub Vec<u8>);

impl fmt::Debug for Spoiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

/// One thing that is done to good input.
#[derive(Clone, Debug)]
enum Spoil {
    Flip(Index, u8),
    Cut(Index, usize),
    Repeat(Index, usize, usize),
    Insert(Index, &'static [u8]),
    Nest(Index, &'static str, usize),
    /// A part of another good input.
    Splice(Index, Index, Index, usize),
}

impl Spoil {
    fn apply(&self, mut text: Vec<u8>, good: &[Vec<u8>]) -> Vec<u8> {
        let place = |index: &Index| index.index(text.len() + 1);
        let part = |from: usize, long: usize| text[from..].iter().take(long).copied();
        let (at, new): (usize, Vec<u8>) = match self {
            Self::Flip(at, bits) => {
                if let Some(byte) = place(at).checked_sub(1) {
                    text[byte] ^= bits;
                }
                return text;
            }
            Self::Cut(at, long) => {
                let at = place(at);
                text.drain(at..(at + long).min(text.len()));
                return text;
            }
            Self::Repeat(at, long, times) => {
                let at = place(at);
                (at, part(at, *long).collect::<Vec<_>>().repeat(*times))
            }
            Self::Insert(at, piece) => (place(at), piece.to_vec()),
            Self::Nest(at, open, deep) => (place(at), open.repeat(*deep).into_bytes()),
            Self::Splice(at, other, from, long) => {
                let other = other.get(good);
                let from = from.index(other.len() + 1);
                (place(at), other[from..].iter().take(*long).copied().collect())
            }
        };
        text.splice(at..at, new);
        text.truncate(LONGEST);
        text
    }
}

fn spoil() -> impl Strategy<Value = Spoil> + Clone {
    let at = any::<Index>;
    prop_oneof![
        (at(), 0..8_u32).prop_map(|(at, bit)| Spoil::Flip(at, 1 << bit)),
        (at(), 1..40_usize).prop_map(|(at, long)| Spoil::Cut(at, long)),
        (at(), 1..40_usize, 1..60_usize)
            .prop_map(|(at, long, times)| Spoil::Repeat(at, long, times)),
        (at(), select(PIECES.to_vec())).prop_map(|(at, piece)| Spoil::Insert(at, piece)),
        (at(), select(vec!["[", "{\"a\":", "[["]), 1..3_000_usize)
            .prop_map(|(at, open, deep)| Spoil::Nest(at, open, deep)),
        (at(), at(), at(), 1..60_usize)
            .prop_map(|(at, other, from, long)| Spoil::Splice(at, other, from, long)),
    ]
}

/// Good input, spoiled in up to five places.
pub fn spoiled<T: AsRef<[u8]>>(
    good: impl IntoIterator<Item = T>,
) -> impl Strategy<Value = Spoiled> + Clone {
    let good: Vec<_> = good.into_iter().map(|text| text.as_ref().to_vec()).collect();
    (select(good.clone()), vec(spoil(), 0..6)).prop_map(move |(text, spoils)| {
        Spoiled(spoils.iter().fold(text, |text, spoil| spoil.apply(text, &good)))
    })
}

/// The same where only text can come: good text, spoiled, or any text at all.
pub fn spoiled_text<T: AsRef<[u8]>>(
    good: impl IntoIterator<Item = T>,
) -> impl Strategy<Value = String> + Clone {
    let text = |bytes: Spoiled| String::from_utf8_lossy(&bytes.0).into_owned();
    prop_oneof![4 => spoiled(good).prop_map(text), 1 => any::<String>()]
}

/// A value that no field expects.
pub fn odd_value() -> impl Strategy<Value = Value> + Clone {
    let odd = [
        Value::Null,
        json!(true),
        json!([]),
        json!({"\u{0}": {}}),
        json!(""),
        json!("0"),
        json!("0.001"),
        json!("-0"),
        json!("007"),
        json!("9223372036854775.807"),
        json!("x".repeat(300)),
        json!(1e308),
    ];
    let numbers = any::<i64>().prop_map(|number| json!(number));
    let reals = any::<f64>().prop_map(|number| json!(number));
    let texts = spoiled_text(["1", "12.5", "daily", "2026-11-21T00:00:00Z"]);
    Union::new([
        select(odd.to_vec()).boxed(),
        numbers.boxed(),
        reals.boxed(),
        texts.prop_map(Value::String).boxed(),
    ])
}

/// Good JSON with up to three values that are odd, missing or too many, or spoiled as a text.
pub fn spoiled_json(good: Vec<Value>) -> impl Strategy<Value = Spoiled> + Clone {
    let texts = spoiled(good.iter().map(Value::to_string).collect::<Vec<_>>());
    let change = (any::<Index>(), proptest::option::weighted(0.8, odd_value()));
    let changed = (select(good), vec(change, 0..4)).prop_map(|(mut json, changes)| {
        for (place, value) in changes {
            change_at(&mut json, place, value);
        }
        Spoiled(json.to_string().into_bytes())
    });
    prop_oneof![2 => changed, 1 => texts]
}

/// Puts a value in one of all places of `json`, or takes away what is there.
fn change_at(json: &mut Value, place: Index, value: Option<Value>) {
    let mut places = Vec::new();
    list_places(json, String::new(), &mut places);
    let place = place.get(&places);
    if let Some(value) = value {
        *json.pointer_mut(place).unwrap() = value;
    } else if let Some((parent, name)) = place.rsplit_once('/')
        && let Some(fields) = json.pointer_mut(parent).unwrap().as_object_mut()
    {
        fields.remove(&name.replace("~1", "/").replace("~0", "~"));
    }
}

fn list_places(json: &Value, at: String, places: &mut Vec<String>) {
    match json {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| {
            let name = name.replace('~', "~0").replace('/', "~1");
            list_places(value, format!("{at}/{name}"), places);
        }),
        Value::Array(items) => items.iter().enumerate().for_each(|(index, value)| {
            list_places(value, format!("{at}/{index}"), places);
        }),
        _ => {}
    }
    places.push(at);
}

/// Holds something for so many inputs, or for as many as come within `TEST_FUZZ_SECONDS`. A failing
/// case is made smaller, and told with its seed.
pub fn fuzz<S: Strategy>(cases: u32, inputs: &S, holds: impl Fn(S::Value)) {
    let seconds = std::env::var("TEST_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let (time, begun) = (Duration::from_secs(seconds.unwrap_or(0)), Instant::now());
    let first = seed();
    for seed in first.. {
        run(seed, cases, inputs, &holds);
        if begun.elapsed() >= time {
            println!("{} cases", u64::from(cases) * (seed - first + 1));
            return;
        }
    }
}

fn run<S: Strategy>(seed: u64, cases: u32, inputs: &S, holds: &impl Fn(S::Value)) {
    let config =
        Config { cases, failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() };
    let bytes = [seed.to_le_bytes(); 4].concat();
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let outcome = TestRunner::new_with_rng(config, rng).run(inputs, |input| {
        holds(input);
        Ok(())
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(why, input)) => {
            panic!("TEST_SEED={seed} runs this again, without TEST_FUZZ_SECONDS: {why}\n{input:#?}")
        }
        Err(TestError::Abort(why)) => panic!("no inputs could be made: {why}"),
    }
}

/// The same for what is asked of a server.
pub fn fuzz_async<S: Strategy, F: Future<Output = ()>>(
    cases: u32,
    inputs: &S,
    holds: impl Fn(S::Value) -> F,
) {
    let runtime = tokio::runtime::Handle::current();
    tokio::task::block_in_place(|| fuzz(cases, inputs, |input| runtime.block_on(holds(input))));
}
