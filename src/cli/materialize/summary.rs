//! What `machex materialize` prints at its end.

use std::io::{self, Write};
use std::path::Path;

use anstyle::Style;
use anyhow::Context;
use indicatif::HumanCount;

use super::Results;
use crate::cli::colour::{self, BAD, GOOD, STRONG, WARNING, styled};
use crate::cli::pasted::{CommandLine, program, quoted_path};
use crate::cli::table::{Align, Cell, Table};
use crate::cli::wrap::Page;
use crate::materialize::{DatasetSummary, Missing, Summary, UnwrittenTable};
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
    let summary = results.summary;
    let total = summary.total();
    let mut page = Page::new(colour::stdout().lock());
    write!(page.out, "{}", table(results))?;
    for dataset in &summary.datasets {
        print_warnings(&mut page, dataset.dataset, &dataset.warnings)?;
        print_unwritten_table(&mut page, dataset.dataset, dataset.unwritten_table.as_ref())?;
    }
    if total.failed > 0 {
        print_failures(&mut page, summary, total.failed)?;
    }
    print_damaged(&mut page, summary, &total)?;
    if total.unreadable_reports > 0 {
        let count = counted(total.unreadable_reports.into(), "report", "reports");
        let count = styled(BAD, count);
        page.line(format!(
            "{count} could not be read and are empty in the index."
        ))?;
    }
    if let Some(missing) = results.missing {
        print_missing(&mut page, missing)?;
    }
    print_tree(&mut page, results, &total)?;
    print_next(&mut page, results, &total)?;
    Ok(())
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
    let count = |style, number: u32| match number {
        0 => Cell::from("0".to_owned()),
        _ => Cell::styled(style, HumanCount(u64::from(number)).to_string()),
    };
    let plain = Style::new();
    let mut row = |style, dataset: &DatasetSummary| {
        let rate = dataset.rate();
        table.row([
            Cell::styled(style, dataset.dataset),
            count(plain, dataset.images),
            count(plain, dataset.new),
            count(plain, dataset.skipped),
            count(BAD, dataset.failed),
            count(WARNING, dataset.damaged + dataset.left_out),
            Cell::from(rate.map_or("-".to_owned(), |rate| format!("{rate:.1}"))),
        ]);
    };
    let datasets = &results.summary.datasets;
    for dataset in datasets {
        row(plain, dataset);
    }
    if datasets.len() > 1 {
        let total = DatasetSummary {
            elapsed: results.elapsed,
            ..results.summary.total()
        };
        row(STRONG, &total);
    }
    table
}

/// Prints the first warnings of a dataset.
pub(super) fn print_warnings(
    page: &mut Page<impl Write>,
    dataset: &str,
    warnings: &[String],
) -> io::Result<()> {
    let head = styled(WARNING, "warning");
    for warning in warnings.iter().take(SHOWN_WARNINGS) {
        page.line(format!("{dataset}: {head}: {}", warning.shown()))?;
    }
    match warnings.len().saturating_sub(SHOWN_WARNINGS) {
        0 => Ok(()),
        more => page.line(format!("{dataset}: {more} more warnings of this kind")),
    }
}

/// Prints why the table of a dataset is not written.
pub(super) fn print_unwritten_table(
    page: &mut Page<impl Write>,
    dataset: &str,
    foreign: Option<&UnwrittenTable>,
) -> io::Result<()> {
    foreign.map_or(Ok(()), |foreign| {
        let head = styled(BAD, "error");
        page.line(format!("{dataset}: {head}: {foreign}"))
    })
}

fn print_missing(page: &mut Page<impl Write>, missing: &Missing) -> io::Result<()> {
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
        let count = styled(BAD, count);
        page.line(format!(
            "{dataset}: {count} missing from the index: {shown}{more}"
        ))?;
    }
    Ok(())
}

/// Prints the first few images of this run in a log. Returns how many of all its images have no
/// source.
fn print_some(page: &mut Page<impl Write>, summary: &Summary, log: &Path) -> anyhow::Result<usize> {
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
        let cause = image.cause.shown();
        page.line(format!("{dataset} {number}: {place}: {cause}"))?;
    }
    let missing = images.iter().filter(|image| image.cause == MISSING);
    Ok(missing.count())
}

fn print_failures(
    page: &mut Page<impl Write>,
    summary: &Summary,
    failed: u32,
) -> anyhow::Result<()> {
    let missing = print_some(page, summary, &summary.failure_log)?;
    let count = counted(
        failed.into(),
        "image failed and is",
        "images failed and are",
    );
    let count = styled(BAD, count);
    page.line(format!("{count} not in the index. All causes:"))?;
    write_whole(page, summary.failure_log.shown())?;
    if missing > 0 {
        let count = counted(missing as u64, "of them has", "of them have");
        page.line(format!(
            "{count} no source: finish the download, or set ONLY_PRESENT: true to leave these out."
        ))?;
    }
    Ok(())
}

/// Prints images that you may want to look at: damaged ones, and those with overlay bits.
fn print_damaged(
    page: &mut Page<impl Write>,
    summary: &Summary,
    total: &DatasetSummary,
) -> anyhow::Result<()> {
    let log = summary.damage_log.shown();
    if total.damaged + total.left_out > 0 {
        print_some(page, summary, &summary.damage_log)?;
    }
    if total.damaged > 0 {
        let count = counted(total.damaged.into(), "image is", "images are");
        let count = styled(WARNING, count);
        page.line(format!(
            "{count} made of a damaged source, as the original script makes them; \
             SKIP_DAMAGED: true leaves them out. All:"
        ))?;
        write_whole(page, log)?;
    }
    if total.left_out > 0 {
        let count = counted(total.left_out.into(), "image was", "images were");
        page.line(format!(
            "{count} left out (SKIP_DAMAGED), since the source is damaged. All:"
        ))?;
        write_whole(page, log)?;
    }
    if total.overlays > 0 {
        let count = styled(WARNING, overlay_bits(total.overlays));
        page.line(format!("{count} All:"))?;
        write_whole(page, summary.overlay_log.shown())?;
    }
    Ok(())
}

/// Prints how much there is now, and where.
fn print_tree(
    page: &mut Page<impl Write>,
    results: &Results<'_>,
    total: &DatasetSummary,
) -> io::Result<()> {
    let finished = total.new + total.skipped;
    let style = if finished == total.images {
        GOOD
    } else {
        STRONG
    };
    let (finished, images) = (
        styled(style, HumanCount(u64::from(finished))),
        counted(total.images.into(), "image", "images"),
    );
    let of = if results.job.share.is_whole() {
        String::new()
    } else {
        format!(" of share {}", results.job.share)
    };
    page.line(format!(
        "\n{finished} of {images}{of} are in the tree (took {}):",
        taken(results.elapsed)
    ))?;
    write_whole(page, results.job.config.machex_path.shown())
}

/// Prints what to do next.
fn print_next(
    page: &mut Page<impl Write>,
    results: &Results<'_>,
    total: &DatasetSummary,
) -> io::Result<()> {
    let command = CommandLine::of_this_process();
    if results.error.is_some() {
        // The error says what to do.
        return Ok(());
    }
    if results.summary.interrupted {
        page.line("Interrupted; run the same command again to go on:")?;
        return write_whole(page, command);
    }
    if results.lacks_images() {
        page.line(
            "Run the shares that the missing images belong to and --finish again, or render all \
             that is missing:",
        )?;
        return write_whole(page, command.without_flag("--finish"));
    }
    if total.failed + total.unreadable_reports > 0 {
        page.line("Once the sources are mended, run this, which renders only what is missing:")?;
        // With --finish, it would render nothing.
        let again = CommandLine::of_this_process().without_flag("--finish");
        write_whole(page, again)?;
    }
    if !results.has_indexes() {
        let share = results.job.share;
        page.line(format!(
            "Share {share} is done; after all shares, write the indexes:"
        ))?;
        let finish = command.without_option("--part").with_flag("--finish");
        return write_whole(page, finish);
    }
    if total.new + total.skipped > 0 {
        let tree = &results.job.config.machex_path;
        page.line("Next, look at the tree, or train with it in Python (docs/training.md):")?;
        let report = format!("{} report {} -o report.html", program(), quoted_path(tree));
        write_whole(page, report)?;
        // A JSON string is one of Python, too.
        let path = serde_json::Value::from(tree.shown().to_string());
        write_whole(page, format!("machex.MaCheXDataset({path})"))?;
    }
    Ok(())
}

/// Prints a path or a command in one line, however long, so that it can be copied.
pub(super) fn write_whole(
    page: &mut Page<impl Write>,
    text: impl std::fmt::Display,
) -> io::Result<()> {
    writeln!(page.out, "    {text}")
}
