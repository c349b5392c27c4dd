//! Amounts as people write them.

/// A number with thousands separated, such as `53,940`.
pub fn grouped(number: u64) -> String {
    with_commas(&number.to_string())
}

/// A whole number of dollars without its sign, such as `$1,240`.
pub fn in_dollars(amount_usd: f64) -> String {
    format!("${}", with_commas(&format!("{:.0}", amount_usd.abs())))
}

/// A duration in minutes and seconds, and hours where there are any, such as `12:00` or `1:05:09`.
pub fn in_minutes(seconds: f64) -> String {
    // Rounded first, so that 719.7 seconds are 12:00 and never 11:60.
    let seconds = seconds.round() as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

fn with_commas(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        assert_eq!(
            [0, 999, 1000, 53_940, 1_234_567].map(grouped),
            ["0", "999", "1,000", "53,940", "1,234,567"]
        );
    }

    #[test]
    fn there_are_never_sixty_seconds_in_a_minute() {
        let written = [0.4, 59.4, 59.5, 719.7, 3599.6, 3909.0, -1.0, f64::NAN].map(in_minutes);
        assert_eq!(written, ["0:00", "0:59", "1:00", "12:00", "1:00:00", "1:05:09", "0:00", "0:00"]);
    }

    #[test]
    fn dollars_are_written_as_people_write_them() {
        let written = [0.4, 999.5, 1240.11, -12.0, 1_234_567.0].map(in_dollars);
        assert_eq!(written, ["$0", "$1,000", "$1,240", "$12", "$1,234,567"]);
    }
}
