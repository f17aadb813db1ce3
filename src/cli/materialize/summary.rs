//! What `machex materialize` prints at its end.

use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;
use indicatif::HumanCount;

use super::Results;
use crate::cli::colour;
use crate::cli::pasted::{CommandLine, program, quoted_path};
use crate::cli::table::{Align, Table};
use crate::materialize::{DatasetSummary, Missing, Summary};
use crate::names;
use crate::shown::Show as _;
use crate::source::MISSING;
use crate::store::{LoggedImage, read_log_file};
use crate::words::{counted, overlay_bits, taken};

/// How many failed or damaged images the summary shows; the logs have all of them.
const SHOWN_IMAGES: usize = 5;

/// How many warnings of each dataset the summary shows.
const SHOWN_WARNINGS: usize = 10;

/// How many missing images of each dataset `--finish` names.
const SHOWN_MISSING: usize = 10;

pub fn print(results: &Results<'_>) -> anyhow::Result<()> {
    let (summary, mut out) = (results.summary, colour::stdout().lock());
    let total = summary.total();
    write!(out, "{}", table(results))?;
    print_warnings(&mut out, summary)?;
    if total.failed > 0 {
        print_failures(&mut out, summary)?;
    }
    print_damaged(&mut out, summary)?;
    if total.unreadable_reports > 0 {
        let count = counted(total.unreadable_reports.into(), "report", "reports");
        writeln!(out, "{count} could not be read and are empty in the index.")?;
    }
    if let Some(missing) = results.missing {
        print_missing(&mut out, missing)?;
    }
    print_end(&mut out, results)
}

fn table(results: &Results<'_>) -> Table {
    let mut table = Table::new(&[
        ("dataset", Align::Left),
        ("images", Align::Right),
        ("new", Align::Right),
        ("skipped", Align::Right),
        ("failed", Align::Right),
        ("damaged", Align::Right),
        ("images/s", Align::Right),
    ]);
    let count = |number: u32| HumanCount(u64::from(number)).to_string();
    let mut row = |dataset: &DatasetSummary| {
        table.row([
            dataset.dataset.to_owned(),
            count(dataset.images),
            count(dataset.new),
            count(dataset.skipped),
            count(dataset.failed),
            count(dataset.damaged + dataset.left_out),
            dataset
                .rate()
                .map_or("-".to_owned(), |rate| format!("{rate:.1}")),
        ]);
    };
    let datasets = &results.summary.datasets;
    datasets.iter().for_each(&mut row);
    if datasets.len() > 1 {
        row(&DatasetSummary {
            elapsed: results.elapsed,
            ..results.summary.total()
        });
    }
    table
}

fn print_warnings(out: &mut impl Write, summary: &Summary) -> io::Result<()> {
    for dataset in &summary.datasets {
        let name = dataset.dataset;
        for warning in dataset.warnings.iter().take(SHOWN_WARNINGS) {
            writeln!(out, "{name}: warning: {}", warning.shown())?;
        }
        let more = dataset.warnings.len().saturating_sub(SHOWN_WARNINGS);
        if more > 0 {
            writeln!(out, "{name}: {more} more warnings of this kind")?;
        }
    }
    Ok(())
}

fn print_missing(out: &mut impl Write, missing: &Missing) -> io::Result<()> {
    for (dataset, numbers) in missing {
        let shown = numbers
            .iter()
            .take(SHOWN_MISSING)
            .map(|number| names::image_id(*number));
        let shown = shown.collect::<Vec<_>>().join(", ");
        let more = match numbers.len().saturating_sub(SHOWN_MISSING) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let count = counted(numbers.len() as u64, "image is", "images are");
        writeln!(
            out,
            "{dataset}: {count} missing from the index: {shown}{more}"
        )?;
    }
    Ok(())
}

/// Prints the first few images of this run in a log. Returns how many of all its images have no
/// source.
fn print_some(out: &mut impl Write, summary: &Summary, log: &Path) -> anyhow::Result<usize> {
    let images = read_log_file(log).with_context(|| log.shown().to_string())?;
    let is_of_this_run = |image: &&LoggedImage| {
        summary
            .datasets
            .iter()
            .any(|dataset| dataset.dataset == image.dataset)
    };
    let images: Vec<&LoggedImage> = images.iter().filter(is_of_this_run).collect();
    for image in images.iter().take(SHOWN_IMAGES) {
        let (dataset, number) = (image.dataset.shown(), names::image_id(image.image));
        let place = match &image.source {
            Some(source) => source.shown().to_string(),
            None => format!("key {}", image.key.shown()),
        };
        writeln!(out, "{dataset} {number}: {place}: {}", image.cause.shown())?;
    }
    let missing = images.iter().filter(|image| image.cause == MISSING);
    Ok(missing.count())
}

fn print_failures(out: &mut impl Write, summary: &Summary) -> anyhow::Result<()> {
    let missing = print_some(out, summary, &summary.failure_log)?;
    let count = counted(
        summary.total().failed.into(),
        "image failed and is",
        "images failed and are",
    );
    writeln!(out, "{count} not in the index. All causes:")?;
    writeln!(out, "    {}", summary.failure_log.shown())?;
    if missing > 0 {
        writeln!(
            out,
            "{} of them have no source: finish the download, or set ONLY_PRESENT: true\n\
             to leave these out.",
            HumanCount(missing as u64)
        )?;
    }
    Ok(())
}

/// Prints images that you may want to look at: damaged ones, and those with overlay bits.
fn print_damaged(out: &mut impl Write, summary: &Summary) -> anyhow::Result<()> {
    let DatasetSummary {
        damaged,
        left_out,
        overlays,
        ..
    } = summary.total();
    let log = summary.damage_log.shown();
    if damaged + left_out > 0 {
        print_some(out, summary, &summary.damage_log)?;
    }
    if damaged > 0 {
        let count = counted(damaged.into(), "image is", "images are");
        writeln!(
            out,
            "{count} made of a damaged source, as the original script makes them;\n\
             SKIP_DAMAGED: true leaves them out. All:\n    {log}"
        )?;
    }
    if left_out > 0 {
        let count = counted(left_out.into(), "image was", "images were");
        writeln!(
            out,
            "{count} left out (SKIP_DAMAGED), since the source is damaged. All:\n    {log}"
        )?;
    }
    if overlays > 0 {
        let (count, log) = (overlay_bits(overlays), summary.overlay_log.shown());
        writeln!(out, "{count} All:\n    {log}")?;
    }
    Ok(())
}

/// Prints what there is now, and what to do next.
fn print_end(out: &mut impl Write, results: &Results<'_>) -> anyhow::Result<()> {
    let (summary, tree) = (results.summary, &results.job.config.machex_path);
    let total = summary.total();
    let finished = HumanCount(u64::from(total.new + total.skipped));
    let images = counted(total.images.into(), "image", "images");
    let of = match results.job.share.is_whole() {
        true => String::new(),
        false => format!(" of share {}", results.job.share),
    };
    writeln!(
        out,
        "\n{finished} of {images}{of} are in the tree, after {}:\n    {}",
        taken(results.elapsed),
        tree.shown()
    )?;
    if results.error.is_some() {
        // The error says what to do.
        return Ok(());
    }
    if summary.interrupted {
        writeln!(
            out,
            "Interrupted; run the same command again to go on:\n    {}",
            CommandLine::of_this_process()
        )?;
        return Ok(());
    }
    if results.lacks_images() {
        writeln!(
            out,
            "Run the shares that the missing images belong to and --finish again, or render all\n\
             that is missing with:\n    {}",
            CommandLine::of_this_process().without_flag("--finish")
        )?;
    } else if total.failed + total.unreadable_reports > 0 {
        writeln!(
            out,
            "Once the sources are mended, run the same command again; it renders only what is\n\
             missing:\n    {}",
            CommandLine::of_this_process()
        )?;
    }
    if !results.has_indexes() {
        writeln!(
            out,
            "Share {} is done; after all shares, write the indexes:\n    {}",
            results.job.share,
            CommandLine::of_this_process()
                .without_option("--part")
                .with_flag("--finish")
        )?;
    } else if total.new + total.skipped > 0 && !results.lacks_images() {
        writeln!(
            out,
            "Next, look at the tree, or train with it (in Python, see docs/training.md):\n    \
             {} report {} -o report.html\n    machex.MaCheXDataset({})",
            program(),
            quoted_path(tree),
            in_python(tree)
        )?;
    }
    Ok(())
}

/// A path as a string of Python.
fn in_python(path: &Path) -> String {
    serde_json::Value::from(path.shown().to_string()).to_string()
}
