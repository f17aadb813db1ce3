//! Numbers for people.

pub use crate::words::grouped as count;

/// Bytes in binary units with three figures or so: `981 B`, `12.3 MiB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1024.0;
    let mut unit = UNITS[0];
    for next in &UNITS[1..] {
        if value < 1000.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    format!("{value:.1} {unit}")
}

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
    fn bytes_take_the_unit_that_fits() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1024), "1.0 KiB");
        assert_eq!(bytes(300 << 30), "300.0 GiB");
        assert_eq!(bytes(u64::MAX), "16384.0 PiB");
    }

    #[test]
    fn times_take_the_unit_that_fits() {
        let times = [0.000_12, 0.015, 2.5, 600.0, 12_000.0].map(time);
        assert_eq!(
            times,
            ["120 us", "15.0 ms", "2.5 s", "10 min", "3 h 20 min"]
        );
    }
}
