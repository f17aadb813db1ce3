//! Numbers for people.

pub use crate::words::{bytes, grouped as count};

/// A time in the unit that fits: `120 us`, `15.0 ms`, `2.5 s`, `3 h 20 min`.
pub fn time(seconds: f64) -> String {
    let minutes = (seconds / 60.0) as u64;
    match seconds {
        ..0.001 => format!("{:.0} us", seconds * 1e6),
        ..1.0 => format!("{:.1} ms", seconds * 1e3),
        ..120.0 => format!("{seconds:.1} s"),
        ..7200.0 => format!("{minutes} min"),
        _ => format!("{} h {} min", minutes / 60, minutes % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_take_the_unit_that_fits() {
        let times = [0.000_12, 0.015, 2.5, 600.0, 12_000.0].map(time);
        assert_eq!(
            times,
            ["120 us", "15.0 ms", "2.5 s", "10 min", "3 h 20 min"]
        );
    }
}
