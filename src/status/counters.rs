//! The counters of a mount. A new counter only needs a line in the table below: it appears in
//! `status.json` under its name, and in `metrics` as `machex_<name>_total`.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

macro_rules! counters {
    ($($name:ident: $help:literal,)*) => {
        /// The counters, updated as events happen.
        #[derive(Debug, Default)]
        pub struct Counters {
            $(#[doc = $help] pub $name: Counter,)*
        }

        /// The counts at one moment.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct Counts {
            $(#[doc = $help] pub $name: u64,)*
        }

        impl Counters {
            pub fn counts(&self) -> Counts {
                Counts {
                    $($name: self.$name.get(),)*
                }
            }
        }

        impl Counts {
            /// Name, description and value of each counter.
            pub fn each(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
                [$((stringify!($name), $help, self.$name),)*].into_iter()
            }
        }
    };
}

counters! {
    hits: "Opened files whose bytes were there.",
    misses: "Opened files that had to be made first.",
    errors: "Times that a reader got an error.",
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn add_one(&self) {
        self.add(1);
    }

    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_is_told_under_its_name() {
        let counters = Counters::default();
        counters.misses.add(5);
        let counts = counters.counts();
        let json = serde_json::to_value(counts).unwrap();
        for (name, help, value) in counts.each() {
            assert_eq!(json[name], value);
            assert!(help.ends_with('.'));
        }
        assert_eq!(json["misses"], 5);
        // A status of another version may lack some.
        assert_eq!(
            serde_json::from_str::<Counts>("{}").unwrap(),
            Counts::default()
        );
    }
}
