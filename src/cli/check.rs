//! `machex check`.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::check_page::print;
use super::{CliResult, ConfigArgument, Exit, job, signals};
use crate::check::{self, Options, TreeReport, Verdict, Work};
use crate::config::check_memory;
use crate::datasets::KnownDatasets;
use crate::progress::Progress;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Look for every file, not a sample of each dataset (takes minutes on network file systems)
    #[arg(long)]
    all: bool,
    /// Render every image but write nothing, to find failures (takes as long as materialize)
    #[arg(long)]
    decode: bool,
    /// Compare files with PhysioNet's SHA256SUMS.txt in the root of each dataset that has one
    #[arg(long)]
    sums: bool,
    /// Print one JSON document for scripts
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments, known: KnownDatasets) -> CliResult {
    let config = job::load_config(&arguments.config, known)?;
    check_memory(config.render_params(), config.workers)?;
    if let Some(doubt) = config.doubt_cache_size() {
        tracing::warn!("{doubt}");
    }
    let options = Options {
        all: arguments.all,
        decode: arguments.decode,
        sums: arguments.sums,
        skip_damaged: config.skip_damaged,
    };
    let (mut workers, mut stop) = (config.workers, Arc::<AtomicBool>::default());
    if options.decode || options.sums {
        workers = job::start_threads(config.workers)?;
        stop = signals::stop_in_order("stopping with what has been checked so far")?;
    }
    let work = Work {
        workers,
        stop: &stop,
        progress: &Progress::of,
        compared: &Mutex::default(),
    };
    let mut reports: Vec<TreeReport> = Vec::new();
    for tree in &config.trees {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        reports.push(check::check(&config, tree, options, &work));
    }
    let is_interrupted = stop.load(Ordering::Relaxed);
    let verdict = Verdict::of(
        &reports,
        options,
        is_interrupted,
        config.trees.len() - reports.len(),
    );
    let exit = match () {
        () if is_interrupted => Exit::Interrupted,
        () if verdict.is_good => Exit::Success,
        () => Exit::SomeFailed,
    };
    let printed = if arguments.json {
        print_json(&reports, &verdict, is_interrupted)
    } else {
        print(&reports, &verdict, options)
    };
    exit.after_printing(printed.map_err(Into::into))
}

fn print_json(reports: &[TreeReport], verdict: &Verdict, is_interrupted: bool) -> io::Result<()> {
    let document = serde_json::json!({
        "ok": verdict.is_good,
        "interrupted": is_interrupted,
        "verdict": verdict.words,
        "datasets": reports,
    });
    writeln!(io::stdout().lock(), "{document:#}")
}
