//! The part of the images that a run renders, if several runs share the work.

use std::fmt;
use std::num::NonZeroU32;
use std::ops::Range;
use std::str::FromStr;

use crate::shown::Show as _;

/// Share K of N, counted from 1. Each dataset is cut into N ranges of consecutive numbers, so that
/// shares seldom write to the same folder, which is slow on network file systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    part: NonZeroU32,
    of: NonZeroU32,
}

/// Why a share cannot be determined.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    #[error("\"{}\" is not a share: write K/N with 1 <= K <= N, such as 3/8, or auto", .0.shown())]
    Syntax(String),
    #[error(
        "--part auto: neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX is set; \
         is this an array job? Otherwise use --part K/N"
    )]
    NoArray,
    #[error("--part auto: {name} is {value}", value = value.shown())]
    Variable { name: &'static str, value: String },
    /// Reported by all tasks alike, so that none of them renders while another is refused.
    #[error(
        "--part auto: the array has gaps: its {count} tasks do not fill {first} to {last} in steps of \
         {step}; submit it as --array=1-{count}, or use --part K/N in each task"
    )]
    Gaps {
        count: u32,
        first: u32,
        last: u32,
        step: u32,
    },
}

impl Share {
    /// The whole.
    pub const WHOLE: Share = Share {
        part: NonZeroU32::MIN,
        of: NonZeroU32::MIN,
    };

    /// Share `part` of `of`, if 1 <= part <= of.
    pub fn new(part: u32, of: u32) -> Option<Self> {
        let (part, of) = (NonZeroU32::new(part)?, NonZeroU32::new(of)?);
        (part <= of).then_some(Self { part, of })
    }

    /// The share of this task of an array job: Slurm's `SLURM_ARRAY_TASK_ID` with `_MIN`, `_MAX`,
    /// `_COUNT` and `_STEP` (sbatch's "output environment variables"), or Kubernetes'
    /// `JOB_COMPLETION_INDEX` with `JOB_COMPLETIONS`, which the job's template has to set.
    /// `variable` looks up an environment variable.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ShareError> {
        let number = |name: &'static str| -> Result<Option<u32>, ShareError> {
            variable(name)
                .map(|value| {
                    value
                        .trim()
                        .parse()
                        .map_err(|_| ShareError::Variable { name, value })
                })
                .transpose()
        };
        let needed = |name: &'static str| {
            number(name)?.ok_or(ShareError::Variable {
                name,
                value: "not set".into(),
            })
        };
        let (name, index, of) = if let Some(id) = number("SLURM_ARRAY_TASK_ID")? {
            let first = needed("SLURM_ARRAY_TASK_MIN")?;
            let step = number("SLURM_ARRAY_TASK_STEP")?
                .filter(|step| *step > 0)
                .unwrap_or(1);
            let last = needed("SLURM_ARRAY_TASK_MAX")?;
            let count = needed("SLURM_ARRAY_TASK_COUNT")?;
            let places = last.checked_sub(first).map(|length| length / step);
            if places.and_then(|places| places.checked_add(1)) != Some(count) {
                return Err(ShareError::Gaps {
                    count,
                    first,
                    last,
                    step,
                });
            }
            let index = id
                .checked_sub(first)
                .filter(|distance| distance % step == 0)
                .map(|distance| distance / step);
            ("SLURM_ARRAY_TASK_ID", index, count)
        } else if let Some(index) = number("JOB_COMPLETION_INDEX")? {
            (
                "JOB_COMPLETION_INDEX",
                Some(index),
                needed("JOB_COMPLETIONS")?,
            )
        } else {
            return Err(ShareError::NoArray);
        };
        index
            .and_then(|index| Share::new(index.checked_add(1)?, of))
            .ok_or_else(|| {
                let value = format!(
                    "{}, which is not one of {of} tasks",
                    variable(name).unwrap_or_default()
                );
                ShareError::Variable { name, value }
            })
    }

    pub fn is_whole(self) -> bool {
        self.of.get() == 1
    }

    /// The numbers of this share out of `len` images. All shares together cover every number once,
    /// and their sizes differ by at most one.
    pub fn range(self, len: u32) -> Range<u32> {
        let cut = |part: u32| {
            let cut = u64::from(len) * u64::from(part) / u64::from(self.of.get());
            u32::try_from(cut).unwrap_or(len)
        };
        cut(self.part.get() - 1)..cut(self.part.get())
    }

    /// Distinguishes the files of this share from those of others: `""` or `"-3-of-8"`.
    pub fn file_suffix(self) -> String {
        if self.is_whole() {
            String::new()
        } else {
            format!("-{}-of-{}", self.part, self.of)
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.part, self.of)
    }
}

impl FromStr for Share {
    type Err = ShareError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split_once('/')
            .and_then(|(part, of)| Share::new(part.trim().parse().ok()?, of.trim().parse().ok()?))
            .ok_or_else(|| ShareError::Syntax(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn environment(variables: &[(&str, &str)]) -> Result<Share, ShareError> {
        Share::from_environment(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    proptest! {
        #[test]
        fn shares_cover_every_image_once(len in 0u32..=1_000_000, of in 1u32..200) {
            let mut next = 0;
            for part in 1..=of {
                let range = Share::new(part, of).unwrap().range(len);
                prop_assert_eq!(range.start, next);
                let even = len / of;
                prop_assert!((even..=even + 1).contains(&(range.end - range.start)));
                next = range.end;
            }
            prop_assert_eq!(next, len);
        }
    }

    #[test]
    fn slurm_arrays_may_begin_anywhere_and_have_steps() {
        let array = |id, min: &str, count: &str| {
            environment(&[
                ("SLURM_ARRAY_TASK_ID", id),
                ("SLURM_ARRAY_TASK_MIN", min),
                (
                    "SLURM_ARRAY_TASK_MAX",
                    &(min.parse::<u32>().unwrap() + count.parse::<u32>().unwrap() - 1).to_string(),
                ),
                ("SLURM_ARRAY_TASK_COUNT", count),
            ])
        };
        assert_eq!(array("0", "0", "8").unwrap().to_string(), "1/8");
        assert_eq!(array("12", "5", "8").unwrap().to_string(), "8/8");
        assert!(array("13", "5", "8").is_err());
        assert!(array("4", "5", "8").is_err());
        assert!(array("x", "5", "8").is_err());
        let stepped = environment(&[
            ("SLURM_ARRAY_TASK_ID", "6"),
            ("SLURM_ARRAY_TASK_MIN", "2"),
            ("SLURM_ARRAY_TASK_MAX", "10"),
            ("SLURM_ARRAY_TASK_STEP", "4"),
            ("SLURM_ARRAY_TASK_COUNT", "3"),
        ]);
        assert_eq!(stepped.unwrap().to_string(), "2/3");
    }

    #[test]
    fn an_array_with_gaps_is_refused_in_every_task_with_the_same_words() {
        let task = |id, count, step| {
            environment(&[
                ("SLURM_ARRAY_TASK_ID", id),
                ("SLURM_ARRAY_TASK_MIN", "3"),
                ("SLURM_ARRAY_TASK_MAX", "9"),
                ("SLURM_ARRAY_TASK_STEP", step),
                ("SLURM_ARRAY_TASK_COUNT", count),
            ])
        };
        let refusals = ["3", "5", "9"].map(|id| task(id, "3", "1").unwrap_err().to_string());
        assert!(refusals[0].contains("--array=1-3"), "{}", refusals[0]);
        assert!(
            refusals.iter().all(|refusal| *refusal == refusals[0]),
            "{refusals:?}"
        );
        // If Slurm gives the step, --array=3,6,9 is the same as 3-9:3.
        assert_eq!(task("6", "3", "3").unwrap().to_string(), "2/3");
        assert!(task("5", "3", "3").is_err());
        assert!(task("3", "1", "0").is_err());
    }

    #[test]
    fn kubernetes_counts_from_zero() {
        let task = environment(&[("JOB_COMPLETION_INDEX", "2"), ("JOB_COMPLETIONS", "3")]);
        assert_eq!(task.unwrap().to_string(), "3/3");
        assert!(environment(&[("JOB_COMPLETION_INDEX", "2")]).is_err());
        assert_eq!(environment(&[]), Err(ShareError::NoArray));
    }

    #[test]
    fn shares_are_written_as_k_of_n() {
        assert_eq!("3/8".parse::<Share>().unwrap().file_suffix(), "-3-of-8");
        assert_eq!("1/1".parse(), Ok(Share::WHOLE));
        for wrong in ["0/8", "9/8", "3", "3/", "/8", "a/b", "-1/2", ""] {
            assert!(wrong.parse::<Share>().is_err(), "{wrong}");
        }
    }
}
