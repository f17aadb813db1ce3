//! `machex metadata`.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::bail;

use super::input::{Place, PlaceArguments};
use super::output::{Output, tell_written};
use super::{CliResult, Exit, job, signals, tell};
use crate::config::Config;
use crate::datasets::{self, KnownDatasets, RawTree};
use crate::metadata_table::{
    DatasetTable, FILE_NAME, Facts, TableError, TableFormat, TableOptions, TableWriter,
};
use crate::progress::{Progress, Unit};
use crate::shown::Show as _;
use crate::slow::announce_if_slow;
use crate::survey::{Tree, printable};
use crate::words::counted;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    place: PlaceArguments,
    /// File to write: .parquet, .arrow or .csv; "-" for Parquet on standard output
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Do not read the headers of images: their sizes, and boxes in pixels of the tree, are null
    #[arg(long)]
    no_headers: bool,
    /// Also use terms that do not clearly mean a finding
    #[arg(long)]
    loose: bool,
}

/// What was written.
#[derive(Default)]
struct Told {
    datasets: usize,
    images: u64,
    /// Whether a list was at fault.
    any_fault: bool,
}

pub fn run(arguments: &Arguments, known: KnownDatasets) -> CliResult {
    let (place, names) = arguments.place.open(known)?;
    if let Place::Tree(_) = &place
        && (arguments.no_headers || arguments.loose)
    {
        bail!(
            "a finished tree has its tables already: --no-headers and --loose need the config file"
        );
    }
    let output = Output::open(&arguments.output, &place.taken())?;
    let format = match &output {
        Output::Standard => TableFormat::Parquet,
        Output::File(path) => match TableFormat::of(path) {
            Some(format) => format,
            None => bail!(
                "{}: give a name that ends in .parquet, .arrow or .csv",
                arguments.output.shown()
            ),
        },
    };
    let stop = signals::stop_in_order("ending; nothing is written")?;
    let mut told = Told::default();
    let written = output.write(|out| {
        let written = match &place {
            Place::Config(config) => {
                of_config(config, &names, arguments, format, out, &stop, &mut told)
            }
            Place::Tree(tree) => of_tree(tree, &names, known, format, out, &stop, &mut told),
        };
        written.map_err(|error| match error {
            TableError::Io(error) => error,
            other => io::Error::other(other),
        })
    });
    if let Err(error) = written {
        if stop.load(Ordering::Relaxed) {
            return Ok(Exit::Interrupted);
        }
        return Err(error);
    }
    let datasets = counted(told.datasets as u64, "dataset", "datasets");
    let images = counted(told.images, "image", "images");
    let exit = if told.any_fault {
        Exit::SomeFailed
    } else {
        Exit::Success
    };
    let what = tell_written(
        &output,
        &arguments.output,
        &format!("{images} of {datasets}"),
    );
    exit.after_printing(what.map_err(Into::into))
}

fn of_config(
    config: &Config,
    names: &BTreeSet<String>,
    arguments: &Arguments,
    format: TableFormat,
    out: &mut (dyn Write + Send),
    stop: &AtomicBool,
    told: &mut Told,
) -> Result<(), TableError> {
    job::start_threads(config.workers).map_err(|error| io::Error::other(format!("{error:#}")))?;
    let options = TableOptions {
        headers: !arguments.no_headers,
        loose: arguments.loose,
        params: config.render_params(),
        masks_in: Some(&config.cache_path),
        stop,
    };
    let is_wanted = |name: &str| names.is_empty() || names.contains(name);
    let trees = config.trees.iter();
    let trees: Vec<&RawTree> = trees
        .filter(|tree| is_wanted(tree.dataset.folder()))
        .collect();
    let facts = Facts::of(trees.iter().copied());
    let mut writer = TableWriter::new(out, format, &facts)?;
    for tree in trees {
        let name = tree.dataset.folder();
        let catalog = match datasets::load(tree, Some(&config.cache_path)) {
            Ok(catalog) => catalog,
            Err(error) => {
                told.any_fault = true;
                tell::problem(&format!("{name}: {}", printable(&error.to_string())));
                continue;
            }
        };
        let doing = format!("reading what the lists of {} say", tree.shown_root());
        let table = announce_if_slow(doing, || DatasetTable::read(tree, &catalog, options));
        let progress = Progress::of(name, catalog.present(), Unit::Images);
        let mut rows = 0;
        let mut done = |count| {
            rows += count;
            (0..count).for_each(|_| progress.advance(true));
        };
        let written = table.write(&mut done, &mut |batch| writer.write(batch));
        progress.finish();
        written?;
        told.datasets += 1;
        told.images += rows;
        told.any_fault |= tell_about(name, &table);
    }
    writer.finish()?;
    Ok(())
}

/// Tells what was found in the lists of a dataset; returns whether one was at fault.
fn tell_about(name: &str, table: &DatasetTable<'_>) -> bool {
    for note in table.notes() {
        let path = note.path.shown();
        for fault in &note.faults {
            tell::remark(&format!("{name}: {path}{fault}"));
        }
        if note.unmatched_rows.count > 0 {
            let rows = note.unmatched_rows.words();
            tell::remark(&format!(
                "{name}: {path}: rows about no image of the tree: {rows}"
            ));
        }
        if note.unmatched_images.count > 0 {
            let images = note.unmatched_images.words();
            tell::remark(&format!("{name}: {path}: images without a row: {images}"));
        }
    }
    let unreadable = table.unreadable();
    if unreadable.count > 0 {
        let images = unreadable.words();
        tell::remark(&format!(
            "{name}: images whose header cannot be read: {images}"
        ));
    }
    for remark in [table.misfits(), table.odd_headers()].into_iter().flatten() {
        tell::remark(&format!("{name}: {remark}"));
    }
    for remark in table.remarks() {
        tell::remark(&format!("{name}: {}", printable(remark)));
    }
    for warning in table.warnings() {
        tell::problem(&format!("{name}: {}", printable(warning)));
    }
    !table.warnings().is_empty()
}

fn of_tree(
    tree: &Tree,
    names: &BTreeSet<String>,
    known: KnownDatasets,
    format: TableFormat,
    out: &mut (dyn Write + Send),
    stop: &AtomicBool,
    told: &mut Told,
) -> Result<(), TableError> {
    let is_wanted = |name: &&str| names.is_empty() || names.contains(*name);
    let mut wanted: Vec<&str> = tree.names().filter(is_wanted).collect();
    // In the order of a table that is made from a config.
    wanted.sort_by_key(|name| {
        let place = known.iter().position(|dataset| dataset.folder() == *name);
        place.unwrap_or(usize::MAX)
    });
    let paths = wanted.iter();
    let paths: Vec<PathBuf> = paths
        .map(|name| tree.root().join(name).join(FILE_NAME))
        .collect();
    let mut facts = Facts::default();
    for path in &paths {
        if stop.load(Ordering::Relaxed) {
            return Err(TableError::Interrupted);
        }
        // A mount makes the file when it is first read.
        let doing = format!("waiting for {}", path.shown());
        announce_if_slow(doing, || facts.add_file(path))
            .map_err(|error| explained(path, &error))?;
    }
    let mut writer = TableWriter::new(out, format, &facts)?;
    for path in &paths {
        let rows = writer.append(path, stop);
        told.images += rows.map_err(|error| explained(path, &error))?;
        told.datasets += 1;
    }
    writer.finish()?;
    Ok(())
}

/// Why the table of a dataset cannot be read, and what to do.
fn explained(path: &Path, error: &TableError) -> io::Error {
    let path = path.shown();
    let advice = match error {
        TableError::Io(error) if error.kind() == io::ErrorKind::NotFound => {
            "; machex materialize --metadata writes it, and a mount has it"
        }
        _ => "",
    };
    io::Error::other(format!("{path}: {error}{advice}"))
}
