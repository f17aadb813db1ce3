//! What `machex check` prints for people.

use std::io::{self, Write};

use anstyle::Style;
use indicatif::HumanCount;

use super::colour::{self, BAD, FAINT, GOOD, STRONG, WARNING, styled};
use super::table::{Align, Cell, Table};
use super::wrap::{Page, fill_after};
use crate::check::{Decoded, Example, Group, Options, Sums, TreeReport, Verdict};
use crate::words::{counted, overlay_bits};

/// How many causes are shown per dataset; the JSON document has all of them.
const SHOWN_CAUSES: usize = 10;

pub fn print(reports: &[TreeReport], verdict: &Verdict, options: Options) -> io::Result<()> {
    let mut page = Page::new(colour::stdout().lock());
    write!(page.out, "{}", counts(reports, options))?;
    if reports.iter().any(|report| report.error.is_none()) {
        write!(page.out, "\n{}", kinds(reports))?;
    }
    for report in reports {
        write_notes(&mut page, report, options)?;
    }
    let style = if verdict.is_good { GOOD } else { BAD };
    let verdict = fill_after("", &verdict.words, 0, page.width);
    writeln!(page.out, "\n{}", styled(style, verdict))
}

fn count(number: u32) -> String {
    HumanCount(u64::from(number)).to_string()
}

/// A count that is in this style unless it is 0.
fn bad_count(style: Style, number: u32) -> Cell {
    match number {
        0 => Cell::styled(FAINT, count(number)),
        _ => Cell::styled(style, count(number)),
    }
}

/// How many images there are, and how many of them would fail.
fn counts(reports: &[TreeReport], options: Options) -> Table {
    let mut head = vec![
        ("dataset", Align::Left),
        ("images", Align::Right),
        ("frontal", Align::Right),
        ("lateral", Align::Right),
        ("other", Align::Right),
    ];
    // All are looked for if all are decoded.
    if !options.decode {
        head.push(("looked for", Align::Right));
    }
    head.push(("missing", Align::Right));
    if options.decode {
        head.extend([
            ("decoded", Align::Right),
            ("failed", Align::Right),
            ("damaged", Align::Right),
        ]);
    }
    let mut table = Table::new(&head);
    for report in reports {
        let name = Cell::from(report.dataset.to_owned());
        if report.error.is_some() {
            table.row([name, Cell::styled(BAD, "cannot be read, see below")]);
            continue;
        }
        let counts = [report.images, report.frontal, report.lateral, report.other];
        let mut cells = vec![name];
        cells.extend(counts.map(|number| count(number).into()));
        if !options.decode {
            cells.push(count(report.looked_for).into());
        }
        cells.push(bad_count(BAD, report.missing));
        if options.decode {
            let of = |style, of: fn(&Decoded) -> u32| match &report.decoded {
                Some(decoded) => bad_count(style, of(decoded)),
                None => "-".to_owned().into(),
            };
            cells.extend([
                of(Style::new(), |decoded| decoded.tried - decoded.failed),
                of(BAD, |decoded| decoded.failed),
                of(WARNING, |decoded| decoded.damaged),
            ]);
        }
        table.row(cells);
    }
    table
}

/// What the files of each dataset are like.
fn kinds(reports: &[TreeReport]) -> Table {
    let mut table = Table::new(&[
        ("dataset", Align::Left),
        ("layout", Align::Left),
        // The last column, since it can be broken into lines.
        ("one decoded", Align::Left),
    ]);
    for report in reports.iter().filter(|report| report.error.is_none()) {
        let proof = match &report.proof {
            Some(proof) if proof.error.is_none() => {
                let text = format!("{} in {} ms", proof.format, proof.milliseconds);
                Cell::styled(GOOD, text)
            }
            Some(_) => Cell::styled(BAD, "failed, see below"),
            None => Cell::from("-".to_owned()),
        };
        let name = report.dataset.to_owned();
        table.row([name.into(), report.layout.clone().into(), proof]);
    }
    table
}

fn write_notes(
    page: &mut Page<impl Write>,
    report: &TreeReport,
    options: Options,
) -> io::Result<()> {
    let name = styled(STRONG, report.dataset).to_string();
    let name = name.as_str();
    if let Some(error) = &report.error {
        page.line(format_args!("\n{name}: {}", styled(BAD, error)))?;
    }
    if let Some(empty) = &report.empty {
        page.line(format_args!("\n{name}: {}", styled(BAD, empty)))?;
    }
    write_left_out(page, report)?;
    if let Some(removal) = &report.removal {
        page.line(format_args!("\n{removal}"))?;
    }
    for missing in &report.missing_examples {
        page.line(format_args!("\n{name}: {BAD}missing{BAD:#}: {missing}"))?;
    }
    if report.faults > 0 {
        page.line(format_args!(
            "\n{name}: {} can only fail:",
            counted(report.faults.into(), "image", "images")
        ))?;
        for fault in &report.fault_examples {
            page.line(format_args!("  {fault}"))?;
        }
    }
    match &report.decoded {
        // The decoding results include the proof.
        Some(decoded) => write_decoded(page, name, decoded, options)?,
        None => {
            if let Some((proof, error)) = report
                .proof
                .as_ref()
                .and_then(|proof| Some((proof, proof.error.as_ref()?)))
            {
                page.line(format_args!(
                    "\n{name}: {}: {}",
                    proof.source,
                    styled(BAD, error)
                ))?;
            }
        }
    }
    for sums in &report.sums {
        write_sums(page, name, sums)?;
    }
    write_metadata(page, report)?;
    for warning in &report.warnings {
        page.line(format_args!(
            "\n{name}: {WARNING}warning{WARNING:#}: {warning}"
        ))?;
    }
    Ok(())
}

/// Says which lists for the metadata table are there, and what the others would add to it.
fn write_metadata(page: &mut Page<impl Write>, report: &TreeReport) -> io::Result<()> {
    if report.metadata.is_empty() {
        return Ok(());
    }
    let name = styled(STRONG, report.dataset);
    let files = report.metadata.iter();
    let found: Vec<&str> = files.filter_map(|file| file.name.as_deref()).collect();
    let found = match found.as_slice() {
        [] => "none of its lists is there".to_owned(),
        found => found.join(", "),
    };
    page.line(format_args!("\n{name}: metadata: {found}"))?;
    for file in report.metadata.iter().filter(|file| file.found.is_none()) {
        page.line(format_args!("  not there: {}: {}", file.list, file.adds))?;
    }
    Ok(())
}

/// Explains the counts: images that are left out by view, or absent.
fn write_left_out(page: &mut Page<impl Write>, report: &TreeReport) -> io::Result<()> {
    let name = styled(STRONG, report.dataset);
    if !report.left_out.is_empty() {
        let values = report.left_out.iter();
        let values: Vec<String> = values
            .map(|value| format!("{} {}", value.value, count(value.images)))
            .collect();
        page.line(format_args!(
            "\n{name}: left out by view: {}",
            values.join(", ")
        ))?;
    }
    if let Some(absent) = report.absent {
        let all = report.images + absent;
        let present = count(report.images);
        page.line(format_args!(
            "\n{name}: {present} of {} images are there; the others are left out (ONLY_PRESENT)",
            count(all)
        ))?;
    }
    Ok(())
}

fn write_decoded(
    page: &mut Page<impl Write>,
    name: &str,
    decoded: &Decoded,
    options: Options,
) -> io::Result<()> {
    let of = HumanCount(decoded.tried.into());
    if decoded.failed > 0 {
        let count = HumanCount(decoded.failed.into());
        page.line(format_args!(
            "\n{name}: {count} of {of} images cannot be rendered:"
        ))?;
        write_groups(page, &decoded.failures)?;
    }
    if decoded.damaged > 0 {
        let count = HumanCount(decoded.damaged.into());
        let what = if options.skip_damaged {
            "are left out (SKIP_DAMAGED), since the source is damaged:"
        } else {
            "are made of a damaged source (SKIP_DAMAGED: true leaves them out):"
        };
        page.line(format_args!("\n{name}: {count} of {of} images {what}"))?;
        write_groups(page, &decoded.damages)?;
    }
    if decoded.overlay_bits > 0 {
        page.line(format_args!(
            "\n{name}: {WARNING}warning{WARNING:#}: {}",
            overlay_bits(decoded.overlay_bits)
        ))?;
        write_examples(page, &decoded.overlay_examples, decoded.overlay_bits)?;
    }
    Ok(())
}

fn write_groups(page: &mut Page<impl Write>, groups: &[Group]) -> io::Result<()> {
    for group in groups.iter().take(SHOWN_CAUSES) {
        page.line(format_args!(
            "  {} x {}",
            HumanCount(group.count.into()),
            group.cause
        ))?;
        write_examples(page, &group.examples, group.count)?;
    }
    let more = groups.len().saturating_sub(SHOWN_CAUSES);
    if more > 0 {
        page.line(format_args!(
            "  and {} (--json has all)",
            counted(more as u64, "more cause", "more causes")
        ))?;
    }
    Ok(())
}

fn write_examples(page: &mut Page<impl Write>, examples: &[Example], count: u32) -> io::Result<()> {
    for Example { image, source, .. } in examples {
        page.line(format_args!("    {image}: {source}"))?;
    }
    match u64::from(count).saturating_sub(examples.len() as u64) {
        0 => Ok(()),
        more => page.line(format_args!("    and {} more", HumanCount(more))),
    }
}

fn write_sums(page: &mut Page<impl Write>, name: &str, sums: &Sums) -> io::Result<()> {
    let file = &sums.file;
    if !sums.is_there {
        return page.line(format_args!(
            "\n{name}: there is no {file}: no sums were compared"
        ));
    }
    if let Some(error) = &sums.error {
        return page.line(format_args!("\n{name}: {error}"));
    }
    let count = |number: usize| HumanCount(number as u64);
    page.line(format_args!(
        "\n{name}: {file}: of {} listed files {} are as published, {} differ, {} are not there, {} \
         cannot be read; {} images of the dataset are not listed",
        count(sums.listed),
        count(sums.ok),
        count(sums.wrong),
        count(sums.missing),
        count(sums.unreadable),
        count(sums.not_listed)
    ))?;
    if sums.ok + sums.wrong == 0 {
        page.line("  not one file was compared; does this list belong to this folder?")?;
    }
    if sums.odd_lines > 0 {
        page.line(format_args!(
            "  {} lines are not <sha256>  <path>",
            count(sums.odd_lines)
        ))?;
    }
    for (what, examples, of) in [
        ("differs", &sums.wrong_examples, sums.wrong),
        ("cannot be read", &sums.unreadable_examples, sums.unreadable),
        ("is not there", &sums.missing_examples, sums.missing),
        ("is not listed", &sums.not_listed_examples, sums.not_listed),
    ] {
        for example in examples {
            page.line(format_args!("  {what}: {example}"))?;
        }
        if of > examples.len() {
            page.line(format_args!(
                "  {what}: {} more",
                count(of - examples.len())
            ))?;
        }
    }
    Ok(())
}
