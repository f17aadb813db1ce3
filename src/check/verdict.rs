//! The conclusion of a check: whether all is well, and how much was checked.

use indicatif::HumanCount;

use super::{Options, SAMPLE, SUMS_NAME, TreeReport};
use crate::words::counted;

/// The outcome of a check of all datasets.
#[derive(Debug)]
pub struct Verdict {
    /// Whether nothing would fail, as far as was checked, and everything requested was checked.
    pub is_good: bool,
    /// In words.
    pub words: String,
}

impl Verdict {
    /// The outcome of `reports`. If the check was interrupted, they are incomplete, and those of
    /// `unreached` datasets are missing.
    pub fn of(
        reports: &[TreeReport],
        options: Options,
        is_interrupted: bool,
        unreached: usize,
    ) -> Self {
        let has_sums = reports
            .iter()
            .flat_map(|report| &report.sums)
            .any(|sums| sums.is_there);
        let is_good = reports.iter().all(TreeReport::is_good)
            && (has_sums || !options.sums)
            && !is_interrupted;
        let mut sentences = Vec::new();
        if is_interrupted && unreached > 0 {
            let counted = counted(unreached as u64, "dataset was", "datasets were");
            sentences.push(format!("Interrupted: {counted} not reached."));
        } else if is_interrupted {
            sentences.push("Interrupted; these results are incomplete.".to_owned());
        } else if reports.iter().any(TreeReport::has_faults) {
            sentences.push("Something would fail, see above.".to_owned());
        }
        let empty = reports.iter().filter(|report| report.is_empty()).count();
        if empty > 0 {
            let counted = counted(empty as u64, "dataset has", "datasets have");
            sentences.push(format!("{counted} no images, see above."));
        }
        let unreadable = sum(reports, |report| report.unreadable_reports);
        if unreadable > 0 {
            let counted = counted(unreadable, "report", "reports");
            sentences.push(format!("{counted} cannot be read, see above."));
        }
        sentences.push(if options.decode {
            decoded(reports, options, is_good)
        } else {
            looked_for(reports)
        });
        if options.sums {
            sentences.push(compared(reports, has_sums));
        }
        Self {
            is_good,
            words: sentences.join(" "),
        }
    }
}

fn sum(reports: &[TreeReport], of: impl Fn(&TreeReport) -> u32) -> u64 {
    reports.iter().map(|report| u64::from(of(report))).sum()
}

fn decoded(reports: &[TreeReport], options: Options, is_good: bool) -> String {
    let images = sum(reports, |report| report.images);
    let of = |count: fn(&super::Decoded) -> u32| {
        sum(reports, |report| report.decoded.as_ref().map_or(0, count))
    };
    let (tried, failed, damaged) = (
        of(|decoded| decoded.tried),
        of(|decoded| decoded.failed),
        of(|decoded| decoded.damaged),
    );
    let good = tried.saturating_sub(failed);
    let all = if good == images {
        format!("All {}", counted_were(images))
    } else {
        format!("{} of {}", HumanCount(good), counted_were(images))
    };
    let mut words = format!("{all} decoded");
    let mut found = Vec::new();
    if failed > 0 {
        found.push(format!("{} cannot be rendered", HumanCount(failed)));
    }
    if damaged > 0 {
        let is = if damaged == 1 { "is" } else { "are" };
        let what = if options.skip_damaged {
            "left out, since the source is damaged"
        } else {
            "made of a damaged source"
        };
        found.push(format!("{} {is} {what}", HumanCount(damaged)));
    }
    words += match (found.is_empty(), is_good) {
        (true, true) => "; all is well.",
        (true, false) => ".",
        (false, _) => {
            return format!("{words}: {}, see above.", found.join(" and "));
        }
    };
    words
}

fn counted_were(images: u64) -> String {
    counted(images, "image was", "images were")
}

fn looked_for(reports: &[TreeReport]) -> String {
    let proofs = reports
        .iter()
        .filter(|report| report.proof.is_some())
        .count();
    let decoded = match proofs {
        0 => "no image was decoded.".to_owned(),
        all if all == reports.len() => {
            "one image of each dataset was decoded (--decode decodes all).".to_owned()
        }
        some => format!(
            "one image was decoded in {some} of {} datasets (--decode decodes all).",
            reports.len()
        ),
    };
    let readable = || reports.iter().filter(|report| report.error.is_none());
    let is_all = readable().all(|report| report.looked_for + report.faults >= report.images);
    let missing = sum(reports, |report| report.missing);
    let looked_for = sum(reports, |report| report.looked_for);
    if looked_for == 0 {
        return format!("No file was looked for, and {decoded}");
    }
    match (is_all, missing) {
        (true, 0) => format!(
            "All {} there; {decoded}",
            counted(looked_for, "file is", "files are")
        ),
        (true, missing) => format!(
            "{} of {} missing; {decoded}",
            HumanCount(missing),
            counted(looked_for, "file is", "files are")
        ),
        (false, missing) => {
            let missing = match missing {
                0 => "and is there".to_owned(),
                missing => format!(
                    "and {} missing",
                    counted(missing, "of them is", "of them are")
                ),
            };
            format!(
                "A sample of {} files of each dataset was looked for {missing} (--all looks for \
                 all); {decoded}",
                HumanCount(SAMPLE.into())
            )
        }
    }
}

fn compared(reports: &[TreeReport], has_sums: bool) -> String {
    if !has_sums {
        return format!("No dataset has a {SUMS_NAME}: no sums were compared.");
    }
    let sums = || reports.iter().flat_map(|report| &report.sums);
    let of = |count: fn(&super::Sums) -> usize| sums().map(count).sum::<usize>() as u64;
    let (ok, wrong) = (of(|sums| sums.ok), of(|sums| sums.wrong));
    let compared = counted(ok + wrong, "file was", "files were");
    let outcome = match wrong {
        _ if ok + wrong == 0 => return format!("No file was compared with {SUMS_NAME}."),
        0 => "none differs".to_owned(),
        1 => "1 differs, see above".to_owned(),
        wrong => format!("{} differ, see above", HumanCount(wrong)),
    };
    format!("{compared} compared with {SUMS_NAME}: {outcome}.")
}

#[cfg(test)]
mod tests {
    use super::super::{Decoded, Proof, Sums};
    use super::*;

    fn report(images: u32, looked_for: u32) -> TreeReport {
        TreeReport {
            images,
            looked_for,
            proof: (looked_for > 0).then(Proof::default),
            ..TreeReport::default()
        }
    }

    #[test]
    fn what_was_not_done_is_not_said() {
        let (_, text) = words(report(0, 0), Options::default());
        assert_eq!(
            text,
            "1 dataset has no images, see above. No file was looked for, and no image was decoded."
        );
        let verdict = Verdict::of(&[report(3, 3), report(0, 0)], Options::default(), false, 0);
        assert!(!verdict.is_good);
        assert_eq!(
            verdict.words,
            "1 dataset has no images, see above. All 3 files are there; one image was decoded in 1 of 2 datasets (--decode decodes all)."
        );
    }

    fn words(report: TreeReport, options: Options) -> (bool, String) {
        let verdict = Verdict::of(&[report], options, false, 0);
        (verdict.is_good, verdict.words)
    }

    #[test]
    fn the_words_say_how_far_was_looked() {
        let (good, text) = words(report(370, 370), Options::default());
        assert!(good);
        assert_eq!(
            text,
            "All 370 files are there; one image of each dataset was decoded (--decode decodes all)."
        );
        let (good, text) = words(report(5000, 1000), Options::default());
        assert!(good && text.starts_with("A sample of 1,000 files of each dataset was looked for"));
        assert!(!text.contains("well"), "{text}");
    }

    #[test]
    fn only_what_was_decoded_is_well() {
        let options = Options {
            decode: true,
            ..Options::default()
        };
        let decoded = |tried, failed, damaged| TreeReport {
            decoded: Some(Decoded {
                tried,
                failed,
                damaged,
                ..Decoded::default()
            }),
            ..report(370, 370)
        };
        let (good, text) = words(decoded(370, 0, 0), options);
        assert!(good);
        assert_eq!(text, "All 370 images were decoded; all is well.");
        let (good, text) = words(decoded(370, 0, 1), options);
        assert!(good);
        assert_eq!(
            text,
            "All 370 images were decoded: 1 is made of a damaged source, see above."
        );
        let skips = Options {
            skip_damaged: true,
            ..options
        };
        let (_, text) = words(decoded(370, 0, 1), skips);
        assert!(text.contains("1 is left out, since the source is damaged, see above."));
        let (good, text) = words(decoded(370, 84, 2), options);
        assert!(
            !good && text.contains(" 286 of 370 images were decoded: 84 cannot be rendered and 2"),
            "{text}"
        );
        let verdict = Verdict::of(&[decoded(100, 0, 0)], options, true, 0);
        assert!(!verdict.is_good && !verdict.words.contains("well"));
        assert!(
            verdict.words.contains("100 of 370 images were decoded."),
            "{}",
            verdict.words
        );
        let verdict = Verdict::of(&[decoded(370, 0, 0)], options, true, 2);
        assert!(
            verdict
                .words
                .starts_with("Interrupted: 2 datasets were not reached. All 370"),
            "{}",
            verdict.words
        );
    }

    #[test]
    fn without_a_list_nothing_was_compared() {
        let options = Options {
            sums: true,
            ..Options::default()
        };
        let (good, text) = words(report(3, 3), options);
        assert!(!good && text.contains("no sums were compared"), "{text}");
        let compared = TreeReport {
            sums: vec![Sums {
                is_there: true,
                ok: 3,
                ..Sums::default()
            }],
            ..report(3, 3)
        };
        let (good, text) = words(compared, options);
        assert!(good && text.ends_with("3 files were compared with SHA256SUMS.txt: none differs."));
    }
}
