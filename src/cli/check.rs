//! `machex check`.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::HumanCount;

use super::table::{Align, Table};
use super::{CliResult, ConfigArgument, Exit, job, signals};
use crate::check::{self, Decoded, Example, Group, Options, Sums, TreeReport, Verdict, Work};
use crate::config::check_memory;
use crate::datasets::KnownDatasets;
use crate::progress::Progress;
use crate::words::{counted, overlay_bits};

/// How many causes are shown per dataset; the JSON document has all of them.
const SHOWN_CAUSES: usize = 10;

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
    };
    let mut reports: Vec<TreeReport> = Vec::new();
    for tree in &config.trees {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        reports.push(check::check(&config, tree, options, &work));
    }
    let is_interrupted = stop.load(Ordering::Relaxed);
    let verdict = Verdict::of(&reports, options, is_interrupted);
    let exit = match () {
        () if is_interrupted => Exit::Interrupted,
        () if verdict.is_good => Exit::Success,
        () => Exit::Failure,
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

fn print(reports: &[TreeReport], verdict: &Verdict, options: Options) -> io::Result<()> {
    let mut out = io::stdout().lock();
    write!(out, "{}", table(reports, options))?;
    for report in reports {
        write_notes(&mut out, report, options)?;
    }
    writeln!(out, "\n{}", verdict.words)
}

fn table(reports: &[TreeReport], options: Options) -> Table {
    let mut head = vec![
        ("dataset", Align::Left),
        ("images", Align::Right),
        ("frontal", Align::Right),
        ("lateral", Align::Right),
        ("other", Align::Right),
        ("looked for", Align::Right),
        ("missing", Align::Right),
    ];
    if options.decode {
        head.extend([
            ("decoded", Align::Right),
            ("failed", Align::Right),
            ("damaged", Align::Right),
        ]);
    }
    head.extend([("one decoded", Align::Left), ("layout", Align::Left)]);
    let mut table = Table::new(&head);
    for report in reports {
        let count = |number: u32| HumanCount(u64::from(number)).to_string();
        if report.error.is_some() {
            table.row([report.dataset.to_owned(), "cannot be read".to_owned()]);
            continue;
        }
        let mut cells = vec![
            report.dataset.to_owned(),
            count(report.images),
            count(report.frontal),
            count(report.lateral),
            count(report.other),
            count(report.looked_for),
            count(report.missing),
        ];
        if options.decode {
            let of = |of: fn(&Decoded) -> u32| {
                let decoded = report.decoded.as_ref();
                decoded.map_or("-".to_owned(), |decoded| count(of(decoded)))
            };
            cells.extend([
                of(|decoded| decoded.tried),
                of(|decoded| decoded.failed),
                of(|decoded| decoded.damaged),
            ]);
        }
        let proof = match &report.proof {
            Some(proof) if proof.error.is_none() => {
                format!("{} in {} ms", proof.format, proof.milliseconds)
            }
            Some(_) => "failed".to_owned(),
            None => "-".to_owned(),
        };
        cells.extend([proof, report.layout.clone()]);
        table.row(cells);
    }
    table
}

fn write_notes(out: &mut impl Write, report: &TreeReport, options: Options) -> io::Result<()> {
    let name = report.dataset;
    if let Some(error) = &report.error {
        writeln!(out, "\n{name}: {error}")?;
    }
    if let Some(empty) = &report.empty {
        writeln!(out, "\n{name}: {empty}")?;
    }
    write_left_out(out, report)?;
    if let Some(removal) = &report.removal {
        writeln!(out, "\n{removal}")?;
    }
    for missing in &report.missing_examples {
        writeln!(out, "\n{name}: missing: {missing}")?;
    }
    if report.faults > 0 {
        writeln!(
            out,
            "\n{name}: {} list entries can only fail:",
            report.faults
        )?;
        for fault in &report.fault_examples {
            writeln!(out, "  {fault}")?;
        }
    }
    match &report.decoded {
        // The decoding results include the proof.
        Some(decoded) => write_decoded(out, name, decoded, options)?,
        None => {
            if let Some((proof, error)) = report
                .proof
                .as_ref()
                .and_then(|proof| Some((proof, proof.error.as_ref()?)))
            {
                writeln!(out, "\n{name}: {}: {error}", proof.source)?;
            }
        }
    }
    for sums in &report.sums {
        write_sums(out, name, sums)?;
    }
    for warning in &report.warnings {
        writeln!(out, "\n{name}: warning: {warning}")?;
    }
    Ok(())
}

/// Explains the counts: images that are left out by view, or absent.
fn write_left_out(out: &mut impl Write, report: &TreeReport) -> io::Result<()> {
    let (name, count) = (report.dataset, |count: u32| HumanCount(u64::from(count)));
    if !report.left_out.is_empty() {
        let values = report.left_out.iter();
        let values: Vec<String> = values
            .map(|value| format!("{} {}", value.value, count(value.images)))
            .collect();
        writeln!(out, "\n{name}: left out by view: {}", values.join(", "))?;
    }
    if let Some(absent) = report.absent {
        let all = report.images + absent;
        let present = count(report.images);
        writeln!(
            out,
            "\n{name}: {present} of {} images are there; the others are left out (ONLY_PRESENT)",
            count(all)
        )?;
    }
    Ok(())
}

fn write_decoded(
    out: &mut impl Write,
    name: &str,
    decoded: &Decoded,
    options: Options,
) -> io::Result<()> {
    let of = HumanCount(decoded.tried.into());
    if decoded.failed > 0 {
        let count = HumanCount(decoded.failed.into());
        writeln!(out, "\n{name}: {count} of {of} images cannot be rendered:")?;
        write_groups(out, &decoded.failures)?;
    }
    if decoded.damaged > 0 {
        let count = HumanCount(decoded.damaged.into());
        let what = if options.skip_damaged {
            "are left out (SKIP_DAMAGED), since the source is damaged:"
        } else {
            "are made of a damaged source (SKIP_DAMAGED: true leaves them out):"
        };
        writeln!(out, "\n{name}: {count} of {of} images {what}")?;
        write_groups(out, &decoded.damages)?;
    }
    if decoded.overlay_bits > 0 {
        writeln!(
            out,
            "\n{name}: warning: {}",
            overlay_bits(decoded.overlay_bits)
        )?;
        write_examples(out, &decoded.overlay_examples, decoded.overlay_bits)?;
    }
    Ok(())
}

fn write_groups(out: &mut impl Write, groups: &[Group]) -> io::Result<()> {
    for group in groups.iter().take(SHOWN_CAUSES) {
        writeln!(
            out,
            "  {} x {}",
            HumanCount(group.count.into()),
            group.cause
        )?;
        write_examples(out, &group.examples, group.count)?;
    }
    let more = groups.len().saturating_sub(SHOWN_CAUSES);
    if more > 0 {
        writeln!(
            out,
            "  and {} (--json has all)",
            counted(more as u64, "more cause", "more causes")
        )?;
    }
    Ok(())
}

fn write_examples(out: &mut impl Write, examples: &[Example], count: u32) -> io::Result<()> {
    for Example { image, source, .. } in examples {
        writeln!(out, "    {image}: {source}")?;
    }
    match u64::from(count).saturating_sub(examples.len() as u64) {
        0 => Ok(()),
        more => writeln!(out, "    and {} more", HumanCount(more)),
    }
}

fn write_sums(out: &mut impl Write, name: &str, sums: &Sums) -> io::Result<()> {
    let file = &sums.file;
    if !sums.is_there {
        return writeln!(out, "\n{name}: there is no {file}: no sums were compared");
    }
    if let Some(error) = &sums.error {
        return writeln!(out, "\n{name}: {error}");
    }
    let count = |number: usize| HumanCount(number as u64);
    writeln!(
        out,
        "\n{name}: {file}: of {} listed files {} are as published, {} differ, {} are not there, {} \
         cannot be read; {} images of the dataset are not listed",
        count(sums.listed),
        count(sums.ok),
        count(sums.wrong),
        count(sums.missing),
        count(sums.unreadable),
        count(sums.not_listed)
    )?;
    if sums.ok + sums.wrong == 0 {
        writeln!(
            out,
            "  not one file was compared; does this list belong to this folder?"
        )?;
    }
    if sums.odd_lines > 0 {
        writeln!(
            out,
            "  {} lines are not <sha256>  <path>",
            count(sums.odd_lines)
        )?;
    }
    for (what, examples, of) in [
        ("differs", &sums.wrong_examples, sums.wrong),
        ("cannot be read", &sums.unreadable_examples, sums.unreadable),
        ("is not there", &sums.missing_examples, sums.missing),
        ("is not listed", &sums.not_listed_examples, sums.not_listed),
    ] {
        for example in examples {
            writeln!(out, "  {what}: {example}")?;
        }
        if of > examples.len() {
            writeln!(out, "  {what}: {} more", count(of - examples.len()))?;
        }
    }
    Ok(())
}
