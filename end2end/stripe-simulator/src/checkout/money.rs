//! Amounts as people read them.

/// `83000, "usd"` → `$830.00`; currencies without a sign bear their code.
pub fn written(minor: i64, currency: &str) -> String {
    let (sign, decimals) = match currency {
        "usd" => ("$", 2),
        "eur" => ("€", 2),
        "gbp" => ("£", 2),
        "jpy" => ("¥", 0),
        _ => ("", 2),
    };
    let whole = grouped(minor.unsigned_abs() / 10_u64.pow(decimals));
    let number = match decimals {
        0 => whole,
        _ => format!("{whole}.{:02}", minor.unsigned_abs() % 100),
    };
    let minus = if minor < 0 { "\u{2212}" } else { "" };
    if sign.is_empty() {
        format!("{} {minus}{number}", currency.to_uppercase())
    } else {
        format!("{minus}{sign}{number}")
    }
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::written;

    #[test]
    fn amounts_bear_their_currency_and_group_thousands() {
        assert_eq!(written(83_000, "usd"), "$830.00");
        assert_eq!(written(123_456_789, "eur"), "€1,234,567.89");
        assert_eq!(written(500, "jpy"), "¥500");
        assert_eq!(written(1_205, "chf"), "CHF 12.05");
        assert_eq!(written(-50, "usd"), "\u{2212}$0.50");
    }
}
